"""What the shop sells. Lives as long as the function's process does."""


class Shelf:
    def __init__(self):
        self.items = {'lamp': 12, 'rope': 5}

from chalice import Blueprint

doors = Blueprint(__name__)


@doors.authorizer(ttl_seconds=30)
def front(request):
    pass


@doors.route('/', authorizer=front)
def hall():
    pass

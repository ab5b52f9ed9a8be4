from chalice import Chalice

app = Chalice(app_name='inner')
app.api.cors = True
app.api.binary_types = ['image/png']


@app.route('/', cors=False)
def index():
    pass


@app.route('/things/{thing}', methods=['GET', 'DELETE'])
def things(thing):
    pass

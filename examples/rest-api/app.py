"""A small shop: the REST example of grail, and an ordinary Chalice app."""
from chalice import AuthResponse, BadRequestError, Chalice, CORSConfig, NotFoundError

from chalicelib.shelf import Shelf

app = Chalice(app_name='shop')
shelf = Shelf()


@app.route('/')
def index():
    return {'shop': 'open', 'items': len(shelf.items)}


@app.route('/items', cors=True)
def items():
    """List what is on the shelf."""
    return {'items': sorted(shelf.items)}


@app.route('/items/{name}')
def item(name):
    """Show one item.

    Answers 404 for an item that is not on the shelf.
    """
    if name not in shelf.items:
        raise NotFoundError('there is no %s on the shelf' % name)
    return {'name': name, 'price': shelf.items[name]}


@app.route('/items', methods=['POST'], cors=True)
def add():
    wish = app.current_request.json_body or {}
    if 'name' not in wish or 'price' not in wish:
        raise BadRequestError('name and price are needed')
    shelf.items[wish['name']] = wish['price']
    return {'added': wish['name']}


@app.authorizer(ttl_seconds=0)
def door(request):
    """Lets in whoever knows the word."""
    if request.token == 'open-sesame':
        return AuthResponse(routes=['/back-room'], principal_id='ali')
    return AuthResponse(routes=[], principal_id='stranger')


@app.route('/back-room', authorizer=door, cors=CORSConfig(allow_origin='https://shop.example'))
def back_room():
    return {'welcome': app.current_request.context['authorizer']['principalId']}

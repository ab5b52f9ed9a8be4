"""Says what it hears: a WebSocket API, with its three handlers."""
from boto3.session import Session
from chalice import Chalice, WebsocketDisconnectedError

app = Chalice(app_name='echo')
app.websocket_api.session = Session()
app.experimental_feature_flags.update(['WEBSOCKETS'])


@app.on_ws_connect()
def connect(event):
    print('%s came' % event.connection_id)


@app.on_ws_message()
def message(event):
    try:
        app.websocket_api.send(event.connection_id, 'you said: ' + event.body)
    except WebsocketDisconnectedError:
        print('%s did not wait for an answer' % event.connection_id)


@app.on_ws_disconnect()
def disconnect(event):
    print('%s went' % event.connection_id)

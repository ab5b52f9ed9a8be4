from chalice import Chalice

app = Chalice(app_name="sockets")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.on_ws_disconnect()
def left(event):
    pass


@app.on_ws_message(name="ignored")
def said(event):
    pass


@app.on_ws_connect()
def came(event):
    pass


@app.route("/")
def index():
    return {}

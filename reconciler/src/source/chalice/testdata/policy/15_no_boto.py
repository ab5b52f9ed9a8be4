from chalice import Chalice
app = Chalice(app_name='a')

@app.route('/')
def index():
    return {}

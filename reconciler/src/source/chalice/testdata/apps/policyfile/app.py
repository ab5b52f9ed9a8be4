from chalice import Chalice

app = Chalice(app_name='walled')


@app.route('/a')
def a():
    pass

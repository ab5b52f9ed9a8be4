import boto3
from chalice import Chalice
app = Chalice(app_name='a')

@app.route('/')
def index():
    items = ['a']
    return {i for i in items}

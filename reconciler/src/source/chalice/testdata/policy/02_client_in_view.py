import boto3
from chalice import Chalice
app = Chalice(app_name='a')

@app.route('/')
def index():
    boto3.client('dynamodb', region_name='x').get_item()
    boto3.client(service_name='sns').publish()

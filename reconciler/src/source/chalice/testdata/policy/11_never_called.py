import boto3
from chalice import Chalice
app = Chalice(app_name='a')

def never():
    boto3.client('s3').delete_bucket()

class Store:
    def __init__(self):
        self.client = boto3.client('s3')

    def save(self):
        self.client.put_object()

@app.route('/')
async def index():
    boto3.client('s3').get_object()

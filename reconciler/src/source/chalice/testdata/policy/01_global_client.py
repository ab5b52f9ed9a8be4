import boto3
from chalice import Chalice
app = Chalice(app_name='a')
s3 = boto3.client('s3')

@app.route('/')
def index():
    s3.list_buckets()
    s3.put_object(Bucket='b', Key='k')

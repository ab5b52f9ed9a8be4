import os

import boto3
from chalice import Chalice

app = Chalice(app_name='something-else')
TABLE = os.environ['TABLE']


@app.lambda_function()
def first(event, context):
    boto3.client('sqs').send_message()


@app.lambda_function(name='second')
def with_a_name(event, context):
    client = boto3.client('s3')
    client.download_file()
    client.list_objects()
    client.list_objects_v2()


@app.lambda_function()
def third(event, context):
    pass


@app.authorizer()
def without_routes_not_deployed(request):
    pass

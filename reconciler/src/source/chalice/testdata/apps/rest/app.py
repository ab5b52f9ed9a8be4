import boto3
from chalice import Chalice, Response

app = Chalice(app_name='plain-rest')
app.api.binary_types.append('application/x-protobuf')
s3 = boto3.client('s3', region_name='us-east-1')


@app.route('/')
def index():
    """Say hello.

    The whole text
        with an indented line.
    """
    return {'hello': s3.list_buckets()}


@app.route('/users', methods=['GET', 'POST', 'PUT'], content_types=['application/json', 'text/plain'])
def users():
    """Only a summary."""


@app.route('/users/{name}/{number}', methods=['DELETE'], api_key_required=True)
def user(name, number):
    dynamodb = boto3.client('dynamodb', region_name='us-east-1')
    dynamodb.get_item()


@app.route('/users/{name}/{number}', methods=['PATCH', 'HEAD'], name='other')
def change(name, number):
    """

    A text that starts late.
    """


@app.route('/blob', methods=['POST'], content_types=['application/octet-stream'])
def blob():
    return Response(body=b'', status_code=200)


@app.route('/all/{proxy+}')
def everything():
    return {}

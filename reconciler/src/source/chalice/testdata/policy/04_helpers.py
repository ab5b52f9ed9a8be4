import boto3
from chalice import Chalice
app = Chalice(app_name='a')

def make():
    return boto3.client('ec2')

def use(client):
    client.describe_instances()

@app.lambda_function()
def work(event, context):
    c = make()
    use(c)
    use(boto3.client('rds'))

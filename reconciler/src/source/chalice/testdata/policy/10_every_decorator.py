import boto3
from chalice import Chalice
app = Chalice(app_name='a')

@app.authorizer()
def auth(r):
    boto3.client('ssm').get_parameter()

@app.schedule('rate(1 hour)')
def tick(e):
    boto3.client('sns').publish()

@app.on_s3_event(bucket='b')
def obj(e):
    boto3.client('s3').get_object()

@app.on_sns_message(topic='t')
def msg(e):
    boto3.client('sqs').send_message()

@app.on_sqs_message(queue='q')
def q(e):
    boto3.client('dynamodb').put_item()

@app.on_ws_message()
def ws(e):
    boto3.client('kms').decrypt()

@app.on_cw_event({})
def not_analysed(e):
    boto3.client('iam').list_users()

@app.on_kinesis_record(stream='s')
def not_analysed_either(e):
    boto3.client('iam').list_roles()

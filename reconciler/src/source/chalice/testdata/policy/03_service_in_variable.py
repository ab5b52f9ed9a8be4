import boto3
SERVICE = 'sqs'
c = boto3.client(SERVICE)
c.send_message()
name = 'k' + 'ms'
boto3.client(name).encrypt()

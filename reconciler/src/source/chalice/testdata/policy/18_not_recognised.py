import boto3
from boto3 import client
client('s3').list_buckets()
boto3.Session().client('s3').list_buckets()
boto3.resource('s3').Bucket('x').delete()
x, y = boto3.client('s3'), 1
x.get_object()
z: object = boto3.client('s3')
z.put_object()

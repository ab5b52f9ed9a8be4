import boto3
a = b = boto3.client('s3')
m = a.list_buckets
m()
f = boto3.client
f('iam').list_roles()

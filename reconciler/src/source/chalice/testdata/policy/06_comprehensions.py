import boto3
s3 = boto3.client('s3')
names = [s3.get_object(Key=k) for k in 'ab']
d = {k: s3.head_object(Key=k) for k in 'ab'}
g = list(s3.delete_object(Key=k) for k in 'ab')

import boto3 as aws
aws.client('s3').list_buckets()
x = [aws for aws in 'ab']

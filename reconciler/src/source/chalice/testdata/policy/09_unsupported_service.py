import boto3
boto3.client('bedrock-runtime').invoke_model()
boto3.client('s3').list_buckets()

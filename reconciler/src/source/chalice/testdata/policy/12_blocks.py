import boto3
import os
if os.environ.get('X'):
    boto3.client('s3').list_buckets()
else:
    boto3.client('sqs').list_queues()
with open('/dev/null') as f:
    boto3.client('sns').list_topics()
try:
    boto3.client('kms').list_keys()
except Exception:
    boto3.client('logs').describe_log_groups()
for x in 'ab':
    boto3.client('events').list_rules()

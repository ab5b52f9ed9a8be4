import boto3
s3 = boto3.client('s3')
s3.get_paginator('list_objects_v2')
s3.get_waiter('object_exists')
s3.generate_presigned_url('get_object')

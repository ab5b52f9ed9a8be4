import boto3
s3 = boto3.client('s3')
s3.upload_file('a', 'b', 'c')
s3.download_fileobj('a', 'b', 'c')
s3.copy({}, 'b', 'k')
s3.put_object()

import boto3
s3 = boto3.client('s3')
s3.list_objects()
s3.list_objects_v2()
s3.upload_file()
s3.upload_fileobj()
s3.create_multipart_upload()

"""What the bureau needs around it: python resources.py create|remove [ENDPOINT]

`create` makes a bucket, a topic, a queue, a stream and a table, and writes the ARN of the table's stream, which AWS chooses,
into stream.txt, where the manifest finds it. ENDPOINT is that of the local cloud; without one it is your own account.
"""
import pathlib
import sys

import boto3

STREAM = pathlib.Path(__file__).parent / 'stream.txt'
LOCAL = {'region_name': 'us-east-1', 'aws_access_key_id': 'local', 'aws_secret_access_key': 'local'}


def create(client):
    client('s3').create_bucket(Bucket='bureau-papers')
    client('sns').create_topic(Name='bureau-news')
    client('sqs').create_queue(QueueName='bureau-orders')
    client('kinesis').create_stream(StreamName='bureau-clicks', ShardCount=1)
    client('kinesis').get_waiter('stream_exists').wait(StreamName='bureau-clicks', WaiterConfig={'Delay': 1})
    dynamodb = client('dynamodb')
    dynamodb.create_table(
        TableName='bureau-stock',
        KeySchema=[{'AttributeName': 'name', 'KeyType': 'HASH'}],
        AttributeDefinitions=[{'AttributeName': 'name', 'AttributeType': 'S'}],
        BillingMode='PAY_PER_REQUEST',
        StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'})
    dynamodb.get_waiter('table_exists').wait(TableName='bureau-stock', WaiterConfig={'Delay': 1})
    STREAM.write_text(dynamodb.describe_table(TableName='bureau-stock')['Table']['LatestStreamArn'] + '\n')


def remove(client):
    s3 = client('s3')
    for entry in s3.list_objects_v2(Bucket='bureau-papers').get('Contents', []):
        s3.delete_object(Bucket='bureau-papers', Key=entry['Key'])
    s3.delete_bucket(Bucket='bureau-papers')
    client('sns').delete_topic(TopicArn=client('sns').create_topic(Name='bureau-news')['TopicArn'])
    client('sqs').delete_queue(QueueUrl=client('sqs').get_queue_url(QueueName='bureau-orders')['QueueUrl'])
    client('kinesis').delete_stream(StreamName='bureau-clicks')
    client('dynamodb').delete_table(TableName='bureau-stock')
    STREAM.unlink(missing_ok=True)


def main(verb, endpoint=None):
    session = boto3.Session(**(LOCAL if endpoint else {}))
    {'create': create, 'remove': remove}[verb](lambda service: session.client(service, endpoint_url=endpoint))


if __name__ == '__main__':
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1] not in ('create', 'remove'):
        sys.exit(__doc__)
    main(*sys.argv[1:])

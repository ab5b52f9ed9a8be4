"""What the office needs around it, which Chalice does not make: python resources.py create|send|notes|remove [ENDPOINT]

`create` makes a bucket, a topic, a queue, a stream and a table, and writes the ARN of the table's stream, which AWS chooses,
into .chalice/config.json. `send` makes one event of each kind. `notes` shows what the functions wrote. ENDPOINT is that of
the local cloud; without one it is your own account, by your own credentials (put another name for the bucket into
.chalice/config.json first: names of buckets are the world's).
"""
import json
import pathlib
import sys

import boto3

CONFIG = pathlib.Path(__file__).parent / '.chalice' / 'config.json'
LOCAL = {'region_name': 'us-east-1', 'aws_access_key_id': 'local', 'aws_secret_access_key': 'local'}


def settings():
    return json.loads(CONFIG.read_text())['stages']['dev']['environment_variables']


def create(client):
    client('s3').create_bucket(Bucket=settings()['PAPERS'])
    client('sns').create_topic(Name='office-news')
    client('sqs').create_queue(QueueName='office-orders')
    client('kinesis').create_stream(StreamName='office-clicks', ShardCount=1)
    client('kinesis').get_waiter('stream_exists').wait(StreamName='office-clicks', WaiterConfig={'Delay': 1})
    dynamodb = client('dynamodb')
    dynamodb.create_table(
        TableName='office-stock',
        KeySchema=[{'AttributeName': 'name', 'KeyType': 'HASH'}],
        AttributeDefinitions=[{'AttributeName': 'name', 'AttributeType': 'S'}],
        BillingMode='PAY_PER_REQUEST',
        StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'})
    dynamodb.get_waiter('table_exists').wait(TableName='office-stock', WaiterConfig={'Delay': 1})
    config = json.loads(CONFIG.read_text())
    stream = dynamodb.describe_table(TableName='office-stock')['Table']['LatestStreamArn']
    config['stages']['dev']['environment_variables']['STOCK_STREAM'] = stream
    CONFIG.write_text(json.dumps(config, indent=2) + '\n')


def send(client):
    client('s3').put_object(Bucket=settings()['PAPERS'], Key='inbox/a letter.txt', Body=b'Dear office')
    client('sns').publish(TopicArn=topic(client), Subject='weather', Message='it rains')
    client('sqs').send_message(QueueUrl=queue(client), MessageBody='two lamps')
    client('kinesis').put_record(StreamName='office-clicks', PartitionKey='1', Data=b'click')
    client('dynamodb').put_item(TableName='office-stock', Item={'name': {'S': 'lamp'}, 'left': {'N': '3'}})
    detail = json.dumps({'by': 'the wind'})
    client('events').put_events(Entries=[{'Source': 'office.door', 'DetailType': 'opened', 'Detail': detail}])


def notes(client):
    s3, bucket = client('s3'), settings()['PAPERS']
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix='notes/').get('Contents', []):
        print(entry['Key'], s3.get_object(Bucket=bucket, Key=entry['Key'])['Body'].read().decode())


def remove(client):
    s3, bucket = client('s3'), settings()['PAPERS']
    for entry in s3.list_objects_v2(Bucket=bucket).get('Contents', []):
        s3.delete_object(Bucket=bucket, Key=entry['Key'])
    s3.delete_bucket(Bucket=bucket)
    client('sns').delete_topic(TopicArn=topic(client))
    client('sqs').delete_queue(QueueUrl=queue(client))
    client('kinesis').delete_stream(StreamName='office-clicks')
    client('dynamodb').delete_table(TableName='office-stock')


def topic(client):
    return client('sns').create_topic(Name='office-news')['TopicArn']  # Gives the ARN of the one that exists.


def queue(client):
    return client('sqs').get_queue_url(QueueName='office-orders')['QueueUrl']


def main(verb, endpoint=None):
    session = boto3.Session(**(LOCAL if endpoint else {}))
    {'create': create, 'send': send, 'notes': notes, 'remove': remove}[verb](
        lambda service: session.client(service, endpoint_url=endpoint))


if __name__ == '__main__':
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1] not in ('create', 'send', 'notes', 'remove'):
        sys.exit(__doc__)
    main(*sys.argv[1:])

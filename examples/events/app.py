"""An office that takes note of whatever happens: a function for each kind of event."""
import json
import os

import boto3
from chalice import Chalice, Rate

PAPERS = os.environ['PAPERS']

app = Chalice(app_name='office')
s3 = boto3.client('s3')


def note(kind, **what):
    """The last event of each kind, where resources.py finds it."""
    s3.put_object(Bucket=PAPERS, Key='notes/%s.json' % kind, Body=json.dumps(what).encode())


@app.on_s3_event(bucket=PAPERS, events=['s3:ObjectCreated:*'], prefix='inbox/')
def paper(event):
    note('paper', key=event.key)


@app.on_sns_message(topic='office-news')
def news(event):
    note('news', subject=event.subject, message=event.message)


@app.on_sqs_message(queue='office-orders', batch_size=5)
def order(event):
    for record in event:
        note('order', body=record.body)


@app.on_kinesis_record(stream='office-clicks', starting_position='TRIM_HORIZON')
def click(event):
    for record in event:
        note('click', data=record.data.decode())


@app.on_dynamodb_record(stream_arn=os.environ['STOCK_STREAM'])
def stock(event):
    for record in event:
        note('stock', happened=record.event_name, item=record.keys['name']['S'])


@app.schedule(Rate(1, unit=Rate.MINUTES), description='The clock on the wall')
def clock(event):
    note('clock', rule=event.resources[0])


@app.on_cw_event({'source': ['office.door'], 'detail-type': ['opened']})
def door(event):
    note('door', by=event.detail['by'])

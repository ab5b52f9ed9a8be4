"""Takes note of whatever happens."""
import json
import os

import boto3
import iso8601


def kind(event):
    """Which sort of event it is, by what it looks like."""
    if 'source' in event:
        return 'clock' if event['source'] == 'aws.events' else 'door'
    source = event['Records'][0].get('eventSource') or event['Records'][0]['EventSource']
    return source.split(':')[1]


def handler(event, context):
    what = kind(event)
    seen = {'kind': what, 'stage': os.environ['STAGE']}
    if 'time' in event:
        seen['year'] = iso8601.parse_date(event['time']).year
    body = json.dumps(seen).encode()
    boto3.client('s3').put_object(Bucket=os.environ['PAPERS'], Key='notes/%s.json' % what, Body=body)
    return seen

"""What the depot does with orders."""

import json
import os

import boto3


def take(event, context):
    """Each order of the inbox, and each paper, becomes an item of the table, and is told."""
    table = boto3.resource("dynamodb").Table(os.environ["ORDERS"])
    news = boto3.client("sns")
    for record in event["Records"]:
        if "s3" in record:
            order = {"id": record["s3"]["object"]["key"]}
        else:
            order = json.loads(record["body"])
        table.put_item(Item=order)
        news.publish(TopicArn=os.environ["NEWS"], Message=order["id"])


def watch(event, context):
    """Says what came."""
    for record in event["Records"]:
        print(record.get("eventName") or record.get("EventSource"))

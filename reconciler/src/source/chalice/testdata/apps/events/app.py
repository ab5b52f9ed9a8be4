import boto3
from chalice import Chalice, Rate

from chalicelib.more import more

app = Chalice(app_name="events")


@app.on_cw_event({"source": ["aws.ec2", "\u00e9"], "detail": {"state": [{"prefix": ""}]}})
def watched(event):
    pass


@app.on_kinesis_record("clicks", batch_size=7, starting_position="TRIM_HORIZON")
def clicked(event):
    pass


@app.on_s3_event("inbox", prefix="in/", suffix=".csv")
def arrived(event):
    boto3.client("s3").get_object()


@app.on_sqs_message("jobs", maximum_batching_window_in_seconds=5)
def work(event):
    pass


@app.lambda_function()
def plain(event, context):
    pass


app.register_blueprint(more, name_prefix="more_")


@app.on_s3_event("outbox")
def sent(event):
    pass


@app.on_sns_message("news")
def news(event):
    pass


@app.on_sns_message("arn:aws:sns:eu-central-1:210987654321:abroad")
def abroad(event):
    pass


@app.on_dynamodb_record(
    "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2024-01-01T00:00:00.000",
    maximum_batching_window_in_seconds=3,
)
def changed(event):
    pass


@app.schedule(Rate(1, unit=Rate.HOURS), description="every hour")
def hourly(event):
    pass


@app.route("/")
def index():
    return {}

from chalice import Blueprint, Cron

more = Blueprint(__name__)


@more.on_sqs_message(queue_arn="arn:aws:sqs:eu-central-1:210987654321:far", batch_size=10, maximum_concurrency=2)
def far(event):
    pass


@more.schedule(Cron(0, "*/2", "*", "*", "?", "*"), name="nightly")
def clean(event):
    pass


@more.on_s3_event("inbox", events=["s3:ObjectRemoved:*"], name="gone")
def removed(event):
    pass

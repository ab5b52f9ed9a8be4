from chalice import Blueprint

jobs = Blueprint(__name__)


@jobs.lambda_function()
def clean(event, context):
    pass


@jobs.route('/status/', methods=['GET', 'POST'], cors=True)
def status():
    """The state of the jobs."""

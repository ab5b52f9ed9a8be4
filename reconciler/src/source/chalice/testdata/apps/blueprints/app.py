import os

from chalice import Chalice

from chalicelib.doors import doors
from chalicelib.jobs import jobs

app = Chalice(app_name='parts')
app.register_blueprint(jobs, name_prefix='jobs_', url_prefix='/jobs')
app.register_blueprint(doors, url_prefix='doors')
assert os.environ['B'] == 'api'


@app.lambda_function()
def shared_one(event, context):
    pass


@app.lambda_function()
def shared_two(event, context):
    pass


@app.route('/')
def index():
    pass

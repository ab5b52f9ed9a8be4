"""What the bakery needs around it: python resources.py create|ring|calm|remove [ENDPOINT]

`create` makes the alarm that watches the canary: it rings when a call fails. `ring` and `calm` set its state by hand, to see
what a deployment does then. ENDPOINT is that of the local cloud; without one it is your own account.
"""
import sys

import boto3

ALARM = 'bakery-errors'
LOCAL = {'region_name': 'us-east-1', 'aws_access_key_id': 'local', 'aws_secret_access_key': 'local'}


def create(cloudwatch):
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM, Namespace='AWS/Lambda', MetricName='Errors', Statistic='Sum', Period=60,
        Dimensions=[{'Name': 'FunctionName', 'Value': 'bakery-dev-price'}],
        EvaluationPeriods=1, Threshold=1, ComparisonOperator='GreaterThanOrEqualToThreshold', TreatMissingData='notBreaching')


def ring(cloudwatch):
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue='ALARM', StateReason='by hand')


def calm(cloudwatch):
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue='OK', StateReason='by hand')


def remove(cloudwatch):
    cloudwatch.delete_alarms(AlarmNames=[ALARM])


def main(verb, endpoint=None):
    session = boto3.Session(**(LOCAL if endpoint else {}))
    verbs = {'create': create, 'ring': ring, 'calm': calm, 'remove': remove}
    verbs[verb](session.client('cloudwatch', endpoint_url=endpoint))


if __name__ == '__main__':
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1] not in ('create', 'ring', 'calm', 'remove'):
        sys.exit(__doc__)
    main(*sys.argv[1:])

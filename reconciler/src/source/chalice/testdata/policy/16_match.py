import boto3
c = boto3.client('stepfunctions')
match 3:
    case 3:
        c.start_execution()
    case _:
        c.stop_execution()

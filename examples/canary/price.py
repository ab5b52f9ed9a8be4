def handler(event, context):
    return {'loaf': 3.20, 'version': context.function_version}

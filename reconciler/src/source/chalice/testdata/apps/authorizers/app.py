from chalice import Chalice, CognitoUserPoolAuthorizer, CORSConfig, CustomAuthorizer, IAMAuthorizer
from chalice.app import Authorizer

app = Chalice(app_name='guarded')
strict = CORSConfig(allow_origin='https://a.example', allow_headers=['X-One', 'Content-Type'],
                    expose_headers=['X-Two', 'X-Three'], max_age=600, allow_credentials=True)
pool = CognitoUserPoolAuthorizer('pool', header='X-Token', provider_arns=['arn:aws:cognito-idp:us-east-1:1:userpool/p'])
lambda_uri = 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations'
custom = CustomAuthorizer('custom', lambda_uri, ttl_seconds=10, header='X-Custom', invoke_role_arn='arn:aws:iam::1:role/r')


class Own(Authorizer):
    name = 'own'
    scopes = ['o']

    def to_swagger(self):
        return {'type': 'apiKey', 'in': 'header', 'name': 'X-Own', 'x-amazon-apigateway-authtype': 'own'}


@app.authorizer(ttl_seconds=0, execution_role='arn:aws:iam::1:role/auth', header='X-Door')
def door(request):
    pass


@app.authorizer(name='renamed')
def unused(request):
    pass


@app.route('/door', authorizer=door)
def behind_door():
    pass


@app.route('/door', methods=['POST'], authorizer=door.with_scopes(['read', 'write']), api_key_required=True)
def behind_scopes():
    pass


@app.route('/renamed', authorizer=unused)
def behind_renamed():
    pass


@app.route('/pool', authorizer=pool, cors=True)
def behind_pool():
    pass


@app.route('/pool/scoped', authorizer=pool.with_scopes(['a/b']), cors=strict, methods=['GET', 'PUT'])
def behind_pool_scoped():
    pass


@app.route('/custom', authorizer=custom)
def behind_custom():
    pass


@app.route('/iam', authorizer=IAMAuthorizer())
def behind_iam():
    pass


@app.route('/own', authorizer=Own())
def behind_own():
    pass


@app.route('/half', methods=['GET'], cors=CORSConfig())
def with_cors():
    pass


@app.route('/half', methods=['POST'])
def without_cors():
    pass

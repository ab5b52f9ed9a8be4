"""What an app registered, as plain values."""
import inspect
import json

EVENT_DECORATORS = {
    "ScheduledEventConfig": "schedule",
    "CloudWatchEventConfig": "on_cw_event",
    "S3EventConfig": "on_s3_event",
    "SNSEventConfig": "on_sns_message",
    "SQSEventConfig": "on_sqs_message",
    "KinesisEventConfig": "on_kinesis_record",
    "DynamoDBEventConfig": "on_dynamodb_record",
}
WEBSOCKET_DECORATORS = {"$connect": "on_ws_connect", "$default": "on_ws_message", "$disconnect": "on_ws_disconnect"}
EVENT_FIELDS = [
    "bucket",
    "events",
    "prefix",
    "suffix",
    "topic",
    "queue",
    "queue_arn",
    "stream",
    "stream_arn",
    "batch_size",
    "starting_position",
    "maximum_batching_window_in_seconds",
    "maximum_concurrency",
    "description",
]


class Dump:
    """What the app registered, in plain JSON values."""

    def __init__(self, app, chalice, sites, project):
        self.app = app
        self.chalice = chalice
        self.api = chalice.app
        self.sites = sites
        self.project = project

    def everything(self):
        app = self.app
        return {
            "chalice_version": self.chalice.__version__,
            "chalice_files": {"app_py": self.api.__file__, "init_py": self.chalice.__file__},
            "app_name": app.app_name,
            "debug": bool(app.debug),
            "feature_flags": sorted(app.experimental_feature_flags),
            "features_used": sorted(app._features_used),
            "api": {"binary_types": list(app.api.binary_types), "cors": self.cors(app.api.cors)},
            "routes": [self.route(entry) for methods in app.routes.values() for entry in methods.values()],
            "authorizers": self.authorizers(),
            "functions": [self.function(one) for one in app.pure_lambda_functions],
            "event_sources": self.event_sources(),
            "websocket_handlers": [self.websocket(one) for one in app.websocket_handlers.values()],
            "middleware": [
                {"event_type": event_type, "callable": getattr(function, "__qualname__", repr(function))}
                for function, event_type in getattr(app, "middleware_handlers", [])
            ],
            "registered_names": list(app.handler_map),
        }

    def place(self, function, decorator, path=None):
        return None if function is None else self.sites.place(function, decorator, self.project, path)

    def route(self, entry):
        view = entry.view_function
        doc = inspect.getdoc(view)
        return {
            "path": entry.uri_pattern,
            "method": entry.method,
            "view_name": entry.view_name,
            "view_module": getattr(view, "__module__", None),
            "view_qualname": getattr(view, "__qualname__", None),
            "view_args": list(entry.view_args),
            "api_key_required": bool(entry.api_key_required),
            "content_types": list(entry.content_types),
            "doc": doc.splitlines() if doc else [],
            "cors": self.cors(entry.cors),
            "authorizer": self.route_authorizer(entry.authorizer),
            "place": self.place(view, "route", entry.uri_pattern),
        }

    def cors(self, cors):
        if cors is True:
            cors = self.api.CORSConfig()
        if not cors:
            return None
        return {
            "allow_origin": cors.allow_origin,
            "allow_headers": cors.allow_headers,
            "expose_headers": list(cors._expose_headers),
            "max_age": cors._max_age,
            "allow_credentials": cors._allow_credentials is True,
            "response_headers": [[name, value] for name, value in cors.get_access_control_headers().items()],
        }

    def route_authorizer(self, authorizer):
        if not authorizer:
            return None
        api = self.api
        told = {"name": authorizer.name, "scopes": list(authorizer.scopes), "function": None, "security_scheme": None}
        if isinstance(authorizer, api.ChaliceAuthorizer):
            config = authorizer.config
            told.update(kind="builtin", function=config.name if config is not None else None)
            return told
        kinds = {"iam": "IAMAuthorizer", "cognito": "CognitoUserPoolAuthorizer", "custom": "CustomAuthorizer"}
        matching = [kind for kind, name in kinds.items() if isinstance(authorizer, getattr(api, name))]
        told.update(kind=matching[0] if matching else "other", security_scheme=authorizer.to_swagger())
        return told

    def authorizers(self):
        configs = self.app.builtin_auth_handlers
        functions = self.matching(configs, lambda handler_type: handler_type == "authorizer")
        return [
            {
                "name": config.name,
                "handler": config.handler_string,
                "ttl_seconds": config.ttl_seconds,
                "execution_role": config.execution_role,
                "header": config.header,
                "place": self.place(function, "authorizer"),
            }
            for config, function in zip(configs, functions)
        ]

    def function(self, one):
        return {"name": one.name, "handler": one.handler_string, "place": self.place(one.func, "lambda_function")}

    def event_sources(self):
        sources = self.app.event_sources
        known = set(EVENT_DECORATORS.values())
        functions = self.matching(sources, lambda handler_type: handler_type in known)
        return [self.event_source(source, function) for source, function in zip(sources, functions)]

    def event_source(self, source, function):
        decorator = EVENT_DECORATORS.get(type(source).__name__)
        told = {"decorator": decorator or type(source).__name__, "name": source.name, "handler": source.handler_string}
        told.update({field: getattr(source, field) for field in EVENT_FIELDS if hasattr(source, field)})
        if hasattr(source, "schedule_expression"):
            expression = source.schedule_expression
            told["schedule_expression"] = expression.to_string() if hasattr(expression, "to_string") else expression
        if hasattr(source, "event_pattern"):
            # As text, since Chalice sends Python's own spelling of it.
            told["event_pattern"] = json.dumps(source.event_pattern)
        told["place"] = self.place(function, decorator)
        return told

    def websocket(self, one):
        key = one.route_key_handled
        decorator = WEBSOCKET_DECORATORS.get(key, "on_ws_message")
        function = getattr(one, "handler_function", None)
        return {
            "route_key": key,
            "decorator": decorator,
            "name": one.name,
            "handler": one.handler_string,
            "place": self.place(function, decorator),
        }

    def matching(self, configs, wanted):
        """The decorated function of each config: by order of registration, else by name."""
        functions = self.sites.functions(wanted)
        if len(functions) == len(configs):
            return functions
        wrapped = [self.app.handler_map.get(config.name) for config in configs]
        return [getattr(one, "func", one) for one in wrapped]

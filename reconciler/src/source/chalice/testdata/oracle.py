"""What Chalice itself would deploy for a project: its resources in its own order, with its own documents.

Reads `{"project": ..., "stage": ...}`, prints JSON. Packages are not built and nothing is sent.
"""
import json
import os
import sys

request = json.load(sys.stdin)
os.chdir(request["project"])
os.environ["AWS_CHALICE_CLI_MODE"] = "true"

from chalice.cli.factory import CLIFactory
from chalice.deploy import appgraph, deployer, models, swagger
from chalice.deploy.planner import PlanStage, StringFormat
from chalice.policy import AppPolicyGenerator
from chalice.utils import OSUtils

config = CLIFactory(request["project"], environ=os.environ).create_config_obj(request["stage"])
application = appgraph.ApplicationGraphBuilder().build(config, request["stage"])
resources = appgraph.DependencyBuilder().build_dependencies(application)
osutils = OSUtils()
steps = [
    deployer.InjectDefaults(),
    deployer.PolicyGenerator(AppPolicyGenerator(osutils), osutils),
    deployer.SwaggerBuilder(swagger.TemplatedSwaggerGenerator()),
    deployer.LambdaEventSourcePolicyInjector(),
    deployer.WebsocketPolicyInjector(),
]
deployer.BuildStage(steps).execute(config, resources)


class NothingThere:
    """An account in which nothing was deployed, and packages that nobody reads."""

    def resource_exists(self, *resource):
        return False

    def get_file_contents(self, *file, **how):
        return b""


# The order of the state file is that of the first recording.
recorded = {}
for instruction in PlanStage(NothingThere(), NothingThere()).execute(resources).instructions:
    name = getattr(instruction, "resource_name", None)
    if name is not None:
        recorded.setdefault(name, instruction.resource_type)


def plain(value):
    """JSON, with the address of a function as `{"address": <logical name>}`, its ARN as `{"arn": ...}`."""
    if isinstance(value, StringFormat):
        (name,) = [variable for variable in value.variables if variable.endswith("_lambda_arn")]
        return {"address": name[: -len("_lambda_arn")]}
    if isinstance(value, models.LambdaFunction):
        return {"arn": value.resource_name}
    if isinstance(value, models.QueueARN):
        return {"queue_arn": value.arn, "queue": value.queue_name}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


EVENTS = {
    models.S3BucketNotification: ["bucket", "events", "prefix", "suffix"],
    models.SNSLambdaSubscription: ["topic"],
    models.SQSEventSource: ["queue", "batch_size", "maximum_batching_window_in_seconds", "maximum_concurrency"],
    models.KinesisEventSource: [
        "stream", "batch_size", "starting_position", "maximum_batching_window_in_seconds"],
    models.DynamoDBEventSource: [
        "stream_arn", "batch_size", "starting_position", "maximum_batching_window_in_seconds"],
    models.CloudWatchEvent: ["rule_name", "event_pattern"],
    models.ScheduledEvent: ["rule_name", "schedule_expression", "rule_description"],
}


def told(resource):
    if isinstance(resource, models.ManagedIAMRole):
        return ["iam_role", resource.resource_name, {
            "name": resource.role_name, "trust": resource.trust_policy, "policy": resource.policy.document}]
    if isinstance(resource, models.LogGroup):
        return ["log_group", resource.resource_name, {
            "name": resource.log_group_name, "retention_days": resource.retention_in_days}]
    if isinstance(resource, models.LambdaFunction):
        role = resource.role
        return ["lambda_function", resource.resource_name, {
            "name": resource.function_name,
            "handler": resource.handler,
            "runtime": resource.runtime,
            "role": getattr(role, "resource_name", None) or role.role_arn,
            "memory": resource.memory_size,
            "timeout": resource.timeout,
            "environment": resource.environment_variables,
            "tags": resource.tags,
            "architecture": resource.architecture,
            "layers": resource.layers,
            "vpc": [resource.subnet_ids, resource.security_group_ids],
            "xray": bool(resource.xray),
            "reserved_concurrency": resource.reserved_concurrency}]
    if isinstance(resource, models.RestAPI):
        return ["rest_api", resource.resource_name, {
            "swagger": resource.swagger_doc,
            "endpoint_type": resource.endpoint_type,
            "minimum_compression": resource.minimum_compression,
            "stage": resource.api_gateway_stage,
            "xray": bool(resource.xray)}]
    if type(resource) in EVENTS:
        fields = {name: getattr(resource, name) for name in EVENTS[type(resource)]}
        return [resource.resource_type, resource.resource_name, dict(fields, function=resource.lambda_function)]
    if isinstance(resource, models.WebsocketAPI):
        functions = [resource.connect_function, resource.message_function, resource.disconnect_function]
        return ["websocket_api", resource.resource_name, {
            "name": resource.name,
            "routes": resource.routes,
            "functions": [function.resource_name if function else None for function in functions],
            "stage": resource.api_gateway_stage}]
    if isinstance(resource, models.DomainName):
        return ["domain_name", resource.resource_name, {
            "domain_name": resource.domain_name,
            "protocol": resource.protocol.value,
            "tls_version": resource.tls_version.value,
            "certificate_arn": resource.certificate_arn,
            "tags": resource.tags,
            "path": resource.api_mapping.mount_path,
            "stage": resource.api_mapping.api_gateway_stage}]
    return None


described = {one[1]: one[2] for one in map(told, resources) if one is not None}
assert sorted(described) == sorted(recorded), (sorted(described), recorded)
json.dump(plain([[kind, name, described[name]] for name, kind in recorded.items()]), sys.stdout)

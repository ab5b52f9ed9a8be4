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
from chalice.deploy.planner import StringFormat
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
]
deployer.BuildStage(steps).execute(config, resources)


def plain(value):
    """JSON, with the address of a function as `{"address": <logical name>}`."""
    if isinstance(value, StringFormat):
        (name,) = [variable for variable in value.variables if variable.endswith("_lambda_arn")]
        return {"address": name[: -len("_lambda_arn")]}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


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
    return None


json.dump(plain([one for one in map(told, resources) if one is not None]), sys.stdout)

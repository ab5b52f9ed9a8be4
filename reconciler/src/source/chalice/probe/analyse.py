"""What app.py calls of AWS, by Chalice's own analyser."""
import json
import os
import re


# Decorators of functions into which Chalice's analyser does not look.
OVERLOOKED = ["on_cw_event", "on_kinesis_record", "on_dynamodb_record"]


def analyse(app_py, chalice_folder):
    """The AWS calls that Chalice's own analyser finds in app.py, as IAM actions by service.

    Chalice finds the operation behind a method name with a botocore client. The same map comes from spelling each
    operation of its bundled table the way botocore spells method names, without loading botocore.
    """
    found = {"statements": [], "unsupported": [], "overlooked": [], "crash": None}
    try:
        from chalice.analyzer import get_client_calls_for_app

        with open(app_py, encoding="utf-8") as file:
            source = file.read()
        calls = get_client_calls_for_app(source)
        with open(os.path.join(chalice_folder, "policies.json"), encoding="utf-8") as file:
            table = json.load(file)
        with open(os.path.join(chalice_folder, "policies-extra.json"), encoding="utf-8") as file:
            helpers = json.load(file)
    except Exception as error:
        found["crash"] = "%s: %s" % (type(error).__name__, error)
        return found
    found["unsupported"] = [service for service in sorted(calls) if service not in table]
    for service in sorted(calls):
        actions = actions_of(calls[service], table.get(service, {}), helpers.get(service, {}))
        if actions:
            found["statements"].append({"service": service, "actions": actions})
    for service, methods in sorted(calls_everywhere(source).items()):
        actions = actions_of(methods, table.get(service, {}), helpers.get(service, {}))
        granted = actions_of(calls.get(service, ()), table.get(service, {}), helpers.get(service, {}))
        more = sorted(set(actions).difference(granted))
        if more:
            found["overlooked"].append({"service": service, "actions": more})
    return found


def actions_of(methods, table, helpers):
    """The IAM actions that the calls of these methods of one service need, in Chalice's order."""
    by_method = {method_name(operation): action for operation, action in table.items()}
    actions = sorted(by_method[method] for method in methods if method in by_method)
    extra = set()
    for method in methods:
        extra.update(helpers.get(method, []))
    return actions + sorted(extra)


def calls_everywhere(source):
    """The calls that the analyser would find if it looked into every handler; nothing where it cannot be made to."""
    try:
        from chalice import analyzer

        infer = analyzer.AppViewTypeInfer
        known = infer._CHALICE_DECORATORS
        infer._CHALICE_DECORATORS = list(known) + OVERLOOKED
        try:
            return analyzer.get_client_calls_for_app(source)
        finally:
            infer._CHALICE_DECORATORS = known
    except Exception:
        return {}


METHOD_NAMES = {
    "CreateCachediSCSIVolume": "create_cached_iscsi_volume",
    "CreateStorediSCSIVolume": "create_stored_iscsi_volume",
    "DescribeCachediSCSIVolumes": "describe_cached_iscsi_volumes",
    "DescribeStorediSCSIVolumes": "describe_stored_iscsi_volumes",
    "ListHITsForQualificationType": "list_hits_for_qualification_type",
}


def method_name(operation):
    """The name that botocore gives to the method of an operation."""
    if operation in METHOD_NAMES:
        return METHOD_NAMES[operation]
    plural = re.search("[A-Z]{2,}s$", operation)
    if plural:
        operation = operation[: plural.start()] + "_" + plural.group().lower()
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", operation)
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", words).lower()

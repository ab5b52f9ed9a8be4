"""What app.py calls of AWS, by Chalice's own analyser."""
import json
import os
import re


def analyse(app_py, chalice_folder):
    """The AWS calls that Chalice's own analyser finds in app.py, as IAM actions by service.

    Chalice finds the operation behind a method name with a botocore client. The same map comes from spelling each
    operation of its bundled table the way botocore spells method names, without loading botocore.
    """
    found = {"statements": [], "unsupported": [], "crash": None}
    try:
        from chalice.analyzer import get_client_calls_for_app

        with open(app_py, encoding="utf-8") as file:
            calls = get_client_calls_for_app(file.read())
        with open(os.path.join(chalice_folder, "policies.json"), encoding="utf-8") as file:
            table = json.load(file)
        with open(os.path.join(chalice_folder, "policies-extra.json"), encoding="utf-8") as file:
            helpers = json.load(file)
    except Exception as error:
        found["crash"] = "%s: %s" % (type(error).__name__, error)
        return found
    for service in sorted(calls):
        if service not in table:
            found["unsupported"].append(service)
        by_method = {method_name(operation): action for operation, action in table.get(service, {}).items()}
        actions = sorted(by_method[method] for method in calls[service] if method in by_method)
        extra = set()
        for method in calls[service]:
            extra.update(helpers.get(service, {}).get(method, []))
        actions += sorted(extra)
        if actions:
            found["statements"].append({"service": service, "actions": actions})
    return found


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

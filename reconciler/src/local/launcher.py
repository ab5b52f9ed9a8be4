"""Runs MiniStack as grail's local cloud: python -I launcher.py FOLDER PREFERRED_PORT EDITION

MiniStack ignores the document of ImportRestApi and has no PutRestApi, but it can build an API from a document for
CloudFormation; `teach_api_gateway` puts that importer under the two operations. The other `teach_...` close smaller gaps, each
of which kept an ordinary Chalice app from working. FOLDER holds `alive` (locked while this process lives), `cloud.json` (who
and where it is), `python` (the interpreter for functions, read whenever one starts).
"""

import asyncio
import fcntl
import importlib.metadata
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import sysconfig
import time

MINISTACK = "1.5.33"
KEPT = ("PATH", "HOME", "USER", "LANG", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
LIKE_LAMBDA = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")


# Run in each function's process before its own code. Apps answer a WebSocket by https://ID.execute-api.REGION.amazonaws.com, the
# host that Chalice builds itself whatever the event says: here it is this cloud, and nothing must go out to AWS.
CONNECTIONS_AT_HOME = '''
_plain_install = _ms_install_invoke_depth

def _ms_install_invoke_depth():
    import os, re
    _plain_install()
    try:
        from botocore.handlers import BUILTIN_HANDLERS
    except ImportError:
        return

    def at_home(request, **_):
        told = re.match(r"https?://([^./]+)[.]execute-api[.][^/]+(/.*)", request.url)
        if told:
            request.url = "%s/_aws/execute-api/%s%s" % (os.environ["AWS_ENDPOINT_URL"].rstrip("/"), *told.groups())

    BUILTIN_HANDLERS.append(("before-send.apigatewaymanagementapi", at_home))

'''


def listen(preferred):
    """A socket on the port of last time where it is free, so that URLs stay valid, else on any."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", preferred))
    except OSError:
        sock.bind(("127.0.0.1", 0))
    return sock


def lock(path):
    """Held until this process ends, however it ends. Waits a moment: grail tries the lock to see whether we live."""
    file = open(path, "w", encoding="utf-8")
    for _ in range(50):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            time.sleep(0.02)
    sys.exit("another local cloud runs in this folder")


def set_environment(folder, port):
    """What MiniStack and the functions see: nothing of the user's AWS settings, and no door but ours."""
    kept = {k: v for k, v in os.environ.items() if k.upper() in KEPT or k.startswith("LC_")}
    scratch = os.path.join(folder, "tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    os.environ.clear()
    os.environ.update(kept, NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost", TMPDIR=scratch)
    os.environ.update(BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port), IOT_MTLS_ENABLED="0", SFTP_ENABLED="0")
    os.environ.update(PERSIST_STATE="1", STATE_DIR=os.path.join(folder, "state"))
    os.environ.update(S3_PERSIST="1", S3_DATA_DIR=os.path.join(folder, "s3"))
    os.environ["DOCKER_HOST"] = "unix:///nonexistent"  # Containers of another MiniStack are none of our business.
    # Lambda has boto3 in its runtime, behind what the function brings along.
    runtime, site = os.path.join(scratch, "runtime"), sysconfig.get_path("purelib")
    os.makedirs(runtime)
    for name in LIKE_LAMBDA:
        os.symlink(os.path.join(site, name), os.path.join(runtime, name))
    os.environ["PYTHONPATH"] = runtime


def teach_lambda(runtime, folder):
    """Functions run with the interpreter that FOLDER/python names, and reach the WebSocket connections of this cloud."""
    plain = runtime._detect_runtime_binary
    runtime._PYTHON_WORKER_SCRIPT = runtime._PYTHON_WORKER_SCRIPT.replace("def run():", CONNECTIONS_AT_HOME + "def run():", 1)

    def detect(name):
        binary, script = plain(name)
        try:
            with open(os.path.join(folder, "python"), encoding="utf-8") as file:
                chosen = file.read().strip()
        except OSError:
            chosen = ""
        return (chosen if chosen and name.startswith("python") else binary), script

    runtime._detect_runtime_binary = detect


def teach_domains(v1):
    """Custom domains of the first version of API Gateway: changing them and what they map to, a mapping's place taken once,
    and one set of tags for both versions."""
    from ministack.services import apigateway as v2

    plain = v1.handle_request
    mapped = {"/restapiId": "restApiId", "/stage": "stage"}

    def tags(domain):
        return v1._v1_tags.setdefault(v2._domain_arn(domain["domainName"]), dict(domain.get("tags") or {}))

    def change(domain, patch):
        field, value = patch["path"].lstrip("/"), patch.get("value")
        if field == "endpointConfiguration/types":
            types = [one for one in domain["endpointConfiguration"]["types"] if one != value]
            domain["endpointConfiguration"]["types"] = types + [value] * (patch["op"] == "add")
        else:
            domain[field] = "" if patch["op"] == "remove" else value

    async def handle_request(method, path, headers, body, query):
        parts = [part for part in path.split("/") if part]
        domain = v1._domain_names.get(parts[1]) if parts[:1] == ["domainnames"] and len(parts) > 1 else None
        mappings = v1._base_path_mappings.get(parts[1], {}) if domain else {}
        try:
            asked = json.loads(body or b"{}") if parts[:1] == ["domainnames"] else {}
            if method == "PATCH" and domain and len(parts) == 2:
                for patch in asked.get("patchOperations", []):
                    change(domain, patch)
                return v1._get_domain_name(parts[1])
            if method == "PATCH" and parts[2:3] == ["basepathmappings"] and parts[-1] in mappings:
                for patch in asked.get("patchOperations", []):
                    mappings[parts[-1]][mapped[patch["path"]]] = patch["value"]
                return v1._get_base_path_mapping(parts[1], parts[-1])
        except (ValueError, KeyError, AttributeError) as error:
            return v1._v1_error("BadRequestException", f"Invalid patch: {error!r}", 400)
        if method == "POST" and parts[2:] == ["basepathmappings"] and asked.get("basePath", "(none)") in mappings:
            return v1._v1_error("ConflictException", "Base path already exists for this domain name", 409)
        if method == "GET" and domain and len(parts) == 2:
            domain["tags"] = tags(domain)
        answer = await plain(method, path, headers, body, query)
        if method == "POST" and parts == ["domainnames"] and answer[0] == 201:
            tags(v1._domain_names[asked["domainName"]])
        return answer

    v1.handle_request = handle_request


def teach_api_gateway(v1):
    """ImportRestApi and PutRestApi (overwrite) with everything that Chalice's documents say."""
    plain, plain_operation = v1.handle_request, v1._import_operation

    def settings(spec, old=None):
        info, old = spec.get("info") or {}, old or {}
        return {
            "name": info.get("title") or old.get("name"),
            "description": info.get("description") or "",
            "version": info.get("version") or "",
            "binaryMediaTypes": spec.get("x-amazon-apigateway-binary-media-types") or [],
            "policy": spec.get("x-amazon-apigateway-policy"),
            "apiKeySource": (spec.get("x-amazon-apigateway-api-key-source") or "HEADER").upper(),
            "minimumCompressionSize": spec.get(
                "x-amazon-apigateway-minimum-compression-size", old.get("minimumCompressionSize")),
        }

    def endpoint(spec, types):
        servers = [server.get("x-amazon-apigateway-endpoint-configuration") or {} for server in spec.get("servers") or []]
        vpcs = next((one["vpcEndpointIds"] for one in servers if one.get("vpcEndpointIds")), None)
        return {"endpointConfiguration": {"types": types, **({"vpcEndpointIds": vpcs} if vpcs else {})}}

    def build(spec, base):
        api_id = v1._import_rest_api(spec, base)
        for kind, answer in (spec.get("x-amazon-apigateway-gateway-responses") or {}).items():
            v1._put_gateway_response(api_id, kind, answer)
        return api_id

    def put(api_id, spec):
        api = v1._rest_apis.get(api_id)
        if api is None:
            return v1._get_rest_api(api_id)
        made = build(spec, {"name": api["name"]})
        for store in (v1._resources, v1._authorizers_v1, v1._models, v1._gateway_responses):
            store[api_id] = store.get(made) or {}
        v1._delete_rest_api(made)
        api.update(settings(spec, api), **endpoint(spec, api["endpointConfiguration"]["types"]))
        return v1._get_rest_api(api_id)

    def operation(api_id, resource_id, method, operation, scheme_map=None, default_security=None):
        plain_operation(api_id, resource_id, method, operation, scheme_map, default_security)
        place, integration = (api_id, resource_id, method), operation.get("x-amazon-apigateway-integration")
        for status, answer in (operation.get("responses") or {}).items():
            named = {"method.response.header." + name: False for name in answer.get("headers") or {}}
            models = {kind: body["schema"]["$ref"].rsplit("/", 1)[-1]
                      for kind, body in (answer.get("content") or {}).items() if "$ref" in (body.get("schema") or {})}
            v1._put_method_response(*place, status, {"responseParameters": named, "responseModels": models})
        if integration:
            upper = {k: integration[k].upper() for k in ("type", "passthroughBehavior") if k in integration}
            v1._put_integration(*place, {**integration, **upper})
            for pattern, answer in (integration.get("responses") or {}).items():
                chosen = {"selectionPattern": "" if pattern == "default" else pattern}
                v1._put_integration_response(*place, str(answer.get("statusCode", "200")), {**answer, **chosen})

    def repaired(patch, api):
        """Values as API Gateway keeps them: MiniStack would keep the text of a number, and break a list."""
        if patch.get("path") == "/minimumCompressionSize":
            size = patch.get("value")
            return {**patch, "op": "replace", "value": int(size) if size else None}
        if patch.get("path", "").startswith("/endpointConfiguration/types/"):
            types = {**api["endpointConfiguration"], "types": [patch["value"]]}
            return {"op": "replace", "path": "/endpointConfiguration", "value": types}
        return patch

    async def handle_request(method, path, headers, body, query):
        parts = [part for part in path.split("/") if part]
        api = v1._rest_apis.get(parts[1]) if parts[:1] == ["restapis"] and len(parts) > 1 else None
        try:
            if method == "POST" and parts == ["restapis"] and v1._qp(query, "mode") == "import":
                spec = json.loads(body)
                types = [v1._qp(query, "endpointConfigurationTypes") or "EDGE"]
                status, fields, text = v1._get_rest_api(build(spec, {**settings(spec), **endpoint(spec, types)}))
                return 201, fields, text
            if method == "PUT" and len(parts) == 2 and parts[0] == "restapis":
                if v1._qp(query, "mode") != "overwrite":
                    return v1._v1_error("BadRequestException", "only mode overwrite is known here", 400)
                return put(parts[1], json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return v1._v1_error("BadRequestException", f"Invalid API document: {error!r}", 400)
        if method == "PATCH" and api and len(parts) == 2:
            patches = json.loads(body).get("patchOperations", [])
            body = json.dumps({"patchOperations": [repaired(patch, api) for patch in patches]}).encode()
        answer = await plain(method, path, headers, body, query)
        if method == "POST" and api and parts[2:] == ["deployments"] and answer[0] == 201:
            asked = json.loads(body or b"{}")
            if "tracingEnabled" in asked and asked.get("stageName"):
                v1._stages_v1[parts[1]][asked["stageName"]]["tracingEnabled"] = bool(asked["tracingEnabled"])
        return answer

    v1.handle_request, v1._import_operation = handle_request, operation


def teach_sns(sns):
    """What Lambda is sent has a subject and attributes always, as Chalice's SNSEvent expects."""
    plain = sns._deliver_to_lambda

    def deliver(endpoint, envelope, *rest):
        whole = {"Subject": None, "MessageAttributes": {}, **json.loads(envelope)}
        return plain(endpoint, json.dumps(whole), *rest)

    sns._deliver_to_lambda = deliver


def teach_websockets(v2):
    """Only messages fall back to `$default`: an app without a `$connect` or `$disconnect` route is not told of these."""
    plain = v2._match_ws_route

    def match(api_id, key):
        route = plain(api_id, key)
        return None if key in ("$connect", "$disconnect") and route and route["routeKey"] != key else route

    v2._match_ws_route = match


def teach_restart(lambdas, sqs):
    """What is kept fits when it comes back: the streams of tables begin empty, so their readers begin at 0, and a queue, which
    MiniStack knows by its URL, has the port of today."""
    plain_places, plain_queues = lambdas._restore_esm_positions, sqs._restore_state

    def places(store, kept):
        plain_places(store, kept)
        if store is lambdas._dynamodb_stream_positions:
            store._data.update(dict.fromkeys(store._data, 0))

    def queues(kept):
        plain_queues(kept)
        for (account, region, url), queue in list(sqs._queues._data.items()):
            queue["url"] = sqs._queue_url_for_account(account, queue["name"])
            sqs._queues._data[account, region, queue["url"]] = sqs._queues._data.pop((account, region, url))
        sqs._rebuild_queue_name_index()

    lambdas._restore_esm_positions, sqs._restore_state = places, queues


def front(app, nonce, stop):
    """Answers `/_grail/<nonce>`, by which grail knows its own, and stops on a POST to it."""

    async def answer(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != "/_grail/" + nonce:
            return await app(scope, receive, send)
        if scope["method"] == "POST":
            stop.set()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps({"pid": os.getpid()}).encode()})

    return answer


async def leave_with(alive):
    """Ends this process when its folder is deleted: nobody could find it any more. Keeps nothing: that is gone too."""
    while True:
        await asyncio.sleep(2)
        try:
            same = os.path.samestat(os.fstat(alive.fileno()), os.stat(alive.name))
        except OSError:
            same = False
        if not same:
            os._exit(0)


async def serve(app, bind, nonce, alive=None):
    import hypercorn.asyncio
    import hypercorn.config

    stop = asyncio.Event()
    watch = asyncio.create_task(leave_with(alive)) if alive else None
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    config = hypercorn.config.Config()
    config.bind, config.keep_alive_timeout, config.graceful_timeout = [bind], 75, 1
    await hypercorn.asyncio.serve(front(app, nonce, stop), config, shutdown_trigger=stop.wait)
    if watch:
        watch.cancel()


def taught(folder):
    """MiniStack with what it lacks. Its settings must be in the environment by now: it reads them while it is imported."""
    found = importlib.metadata.version("ministack")
    if found != MINISTACK:
        sys.exit(f"this launcher knows MiniStack {MINISTACK} only, and {found} is installed")
    import ministack.app
    from ministack.core import lambda_runtime
    from ministack.services import apigateway, apigateway_v1, lambda_svc, sns, sqs

    teach_domains(apigateway_v1)
    teach_lambda(lambda_runtime, folder)
    teach_api_gateway(apigateway_v1)
    teach_websockets(apigateway)
    teach_sns(sns)
    teach_restart(lambda_svc, sqs)
    return ministack.app.app


def main(folder, preferred, edition):
    if os.getpid() != os.getsid(0):
        os.setsid()  # The terminal's signals are for grail.
    alive = lock(os.path.join(folder, "alive"))
    sock, nonce = listen(preferred), secrets.token_hex(16)
    port = sock.getsockname()[1]
    set_environment(folder, port)
    app = taught(folder)
    record = os.path.join(folder, "cloud.json")
    with open(record + ".new", "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump({"pid": os.getpid(), "port": port, "nonce": nonce, "edition": edition}, file)
    os.replace(record + ".new", record)
    asyncio.run(serve(app, f"fd://{sock.detach()}", nonce, alive))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(os.path.abspath(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        asyncio.run(serve(taught(os.getcwd()), "127.0.0.1:" + os.environ["GATEWAY_PORT"], secrets.token_hex(16)))

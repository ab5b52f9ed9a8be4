"""Starts moto servers quickly: imports moto once, then forks one server for each test.

Standard input carries one command a line: ``start LOG`` answers ``PID PORT``, ``stop PID`` answers ``stopped PID``.
End of input ends everything, so that no server outlives the test run, however that ended.

A server can be copied with all that is in its account: its socket ``LOG.twins`` takes the log of the copy, forks, and answers
``PID PORT``. Only a server that answers nothing at that moment may be copied: of its threads, a fork has the forking one alone.
"""

import gc
import os
import signal
import socket
import sys
import threading

from moto import backends
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.test import Client

# One read for each service: it makes moto load the service's module, its routes and its API model.
READS = {
    "sts": ("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", {}),
    "iam": ("POST", "/", "Action=ListRoles&Version=2010-05-08", {}),
    "ec2": ("POST", "/", "Action=DescribeSubnets&Version=2016-11-15", {}),
    "lambda": ("GET", "/2015-03-31/functions", "", {}),
    "apigateway": ("GET", "/restapis", "", {}),
    "s3": ("GET", "/", "", {}),
    "logs": ("POST", "/", "{}", {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}),
    "sns": ("POST", "/", "Action=ListTopics&Version=2010-03-31", {}),
    "sqs": ("POST", "/", "{}", {"X-Amz-Target": "AmazonSQS.ListQueues"}),
    "events": ("POST", "/", "{}", {"X-Amz-Target": "AWSEvents.ListRules"}),
    "kinesis": ("POST", "/", "{}", {"X-Amz-Target": "Kinesis_20131202.ListStreams"}),
    "dynamodb": ("POST", "/", "{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}),
    "acm": ("POST", "/", "{}", {"X-Amz-Target": "CertificateManager.ListCertificates"}),
}


def authorization(service):
    scope = f"testing/20200101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def warm(app):
    client = Client(app)
    for service, (method, path, body, headers) in READS.items():
        form = "application/x-www-form-urlencoded"
        client.open(
            path,
            method=method,
            data=body,
            content_type=form if body.startswith("Action") else "application/x-amz-json-1.1",
            headers={"Authorization": authorization(service), **headers},
        )


def start(app, log, fresh=True, inherited=()):
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    pid = os.fork()
    if pid:
        listener.close()
        return pid, port
    # A port that a copy still held would seem open after its own server has ended.
    for other in inherited:
        other.close()
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(sink, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # Copies that end are nobody's children to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if fresh:
        # Forks share the generator's state: without a fresh seed two accounts would hand out the same ids. A copy of an
        # account goes on as the account would have.
        mock_random.seed(os.urandom(16))
    serve(app, listener, log)
    os._exit(0)


def serve(app, listener, log):
    twins = socket.socket(socket.AF_UNIX)
    twins.bind(log + ".twins")
    twins.listen()
    server = make_server(
        "127.0.0.1", listener.getsockname()[1], app, threaded=True, request_handler=MotoRequestHandler, fd=listener.fileno()
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        asking, _ = twins.accept()
        with asking, asking.makefile("rw") as words:
            twin = words.readline().rstrip("\n")
            pid, port = start(app, twin, fresh=False, inherited=(twins, asking, listener, server.socket))
            print(pid, port, file=words, flush=True)


def spare_the_disk():
    """moto looks through its own folder, a stat for each of its hundreds of modules, at every request."""
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules


def main():
    spare_the_disk()
    app = DomainDispatcherApplication(create_backend_app)
    warm(app)
    # What is here stays: a collection in a fork would only copy the pages that the forks share.
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        command, argument = line.rstrip("\n").split(" ", 1)
        if command == "start":
            pid, port = start(app, argument)
            print(pid, port, flush=True)
        else:
            os.kill(int(argument), signal.SIGKILL)
            os.waitpid(int(argument), 0)
            print("stopped", argument, flush=True)
    os.killpg(0, signal.SIGKILL)


main()

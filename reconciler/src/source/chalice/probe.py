"""Imports a Chalice project's app.py and writes down everything that it registered, as one JSON document.

Run as `python probe.py`, with one JSON request on standard input (see `main`). The answer goes to a file that the request
names, because an app may print while it is imported: its standard output and error are left to it. Nothing outside the
standard library and the project's own `chalice` is imported; in particular not botocore, which would take most of the time.

The app is loaded as Chalice loads it: project folder first on the path, `vendor/` last, the configured environment
variables set, module `app`, attribute `app`. What the import read (files, folders, environment variables) is noted, so
that the caller can tell whether an earlier answer still holds. What no note can cover (a network answer, another
program's output) makes the answer `volatile`: good for now, not to be kept.
"""
import json
import os
import sys
import time


def main():
    request = json.load(sys.stdin)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    answer = {"python": list(sys.version_info[:3]), "executable": sys.executable}
    answer.update(Probe(request).run())
    try:
        text = json.dumps(answer)
    except (TypeError, ValueError) as error:
        # Something registered is no plain value: Chalice could not have sent it either.
        refused = {"outcome": "error", "error": {"kind": "dump", "message": str(error)}}
        text = json.dumps({"python": answer["python"], "executable": sys.executable, **refused})
    temporary = request["answer"] + ".part"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, request["answer"])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    # Threads that the app started must not keep the interpreter alive.
    os._exit(0)


class Probe:
    def __init__(self, request):
        self.project = os.path.realpath(request["project"])
        self.environment = request["environment"]
        self.hang = request.get("hang")
        self.notes = Notes(self.project)
        self.sites = Sites()

    def run(self):
        # The folder of this script is no part of what the app may import.
        del sys.path[0]
        try:
            import chalice
            import chalice.app
        except ImportError as error:
            return {"outcome": "error", "error": {"kind": "no_chalice", "message": str(error)}}
        self.sites.watch(chalice.app)
        if self.hang:
            import faulthandler

            trace = open(self.hang["file"], "w")
            faulthandler.dump_traceback_later(self.hang["after"], file=trace)
        try:
            app = self.load()
        except BaseException as error:
            return {"outcome": "error", "error": self.describe(error)}
        finally:
            if self.hang:
                faulthandler.cancel_dump_traceback_later()
            self.notes.stop()
        if not isinstance(app, chalice.app.Chalice):
            return self.refusal("not_chalice", "`app` in app.py is a %s, not a Chalice object" % type(app).__name__)
        try:
            dumped = Dump(app, chalice, self.sites, self.project).everything()
        except Exception as error:
            return {"outcome": "error", "error": dict(self.describe(error), kind="dump")}
        dumped["policy"] = analyse(os.path.join(self.project, "app.py"), os.path.dirname(chalice.__file__))
        return {"outcome": "app", "app": dumped, "read": self.notes.answer()}

    def load(self):
        os.chdir(self.project)
        if self.project not in sys.path:
            sys.path.insert(0, self.project)
        vendor = os.path.join(self.project, "vendor")
        if os.path.isdir(vendor) and vendor not in sys.path:
            sys.path.append(vendor)
        os.environ.update(self.environment)
        self.notes.start()
        import importlib

        module = importlib.import_module("app")
        try:
            return module.app
        except AttributeError:
            raise NoApp() from None

    def refusal(self, kind, message):
        return {"outcome": "error", "error": {"kind": kind, "message": message}}

    def describe(self, error):
        if isinstance(error, NoApp):
            return {"kind": "no_app", "message": "app.py defines no `app`"}
        kind = "exception"
        told = {"type": type(error).__name__, "message": str(error), "frames": self.frames(error)}
        if isinstance(error, SyntaxError):
            kind = "syntax"
            told.update(message=error.msg, line=error.lineno, column=error.offset, text=error.text)
            told["file"] = shown(error.filename, self.project) if error.filename else None
        elif isinstance(error, ModuleNotFoundError) and error.name:
            kind = "missing_module"
            told["module"] = error.name
        elif isinstance(error, SystemExit):
            kind = "exit"
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None and cause is not error:
            told["cause"] = {"type": type(cause).__name__, "message": str(cause), "frames": self.frames(cause)}
        return dict(told, kind=kind)

    def frames(self, error):
        """The frames of the project's own files, outermost first."""
        import linecache

        own = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if is_own(code.co_filename, self.project):
                text = linecache.getline(code.co_filename, trace.tb_lineno).strip()
                own.append(
                    {
                        "file": shown(code.co_filename, self.project),
                        "line": trace.tb_lineno,
                        "function": code.co_name,
                        "text": text,
                    }
                )
            trace = trace.tb_next
        return own


class NoApp(Exception):
    pass


class Sites:
    """Where each decorator stands, and in which order the registrations came.

    Both are read off by wrapping two private methods of Chalice. Where another version of Chalice lacks them, the line of
    the decorated function serves.
    """

    def __init__(self):
        self.decorators = {}
        self.registered = []

    def watch(self, module):
        sites = self
        api = getattr(module, "DecoratorAPI", None)
        make = getattr(api, "_create_registration_function", None)
        if make is not None:

            def noting(self, handler_type, name=None, registration_kwargs=None):
                register = make(self, handler_type, name, registration_kwargs)
                frame = sys._getframe(2)
                path = (registration_kwargs or {}).get("path")
                site = (handler_type, path, frame.f_code.co_filename, frame.f_lineno)

                def register_noting(function):
                    sites.decorators.setdefault(id(function), []).append(site)
                    return register(function)

                return register_noting

            api._create_registration_function = noting
        registration = getattr(module, "_HandlerRegistration", None)
        do_register = getattr(registration, "_do_register_handler", None)
        if do_register is not None:

            def registering(self, handler_type, name, user_handler, *rest, **more):
                result = do_register(self, handler_type, name, user_handler, *rest, **more)
                sites.registered.append((handler_type, user_handler))
                return result

            registration._do_register_handler = registering

    def functions(self, wanted):
        return [function for handler_type, function in self.registered if wanted(handler_type)]

    def place(self, function, handler_type, project, path=None):
        """`{file, line}` of the decorator that registered `function`, or None."""
        found = [site for site in self.decorators.get(id(function), []) if site[0] == handler_type]
        # A blueprint's prefix stands before the path that its decorator names.
        exact = [site for site in found if path and site[1] and path.endswith(site[1].strip("/"))]
        for _, _, file, line in exact or found:
            return {"file": shown(file, project), "line": line}
        import inspect

        try:
            code = inspect.unwrap(function).__code__
        except Exception:
            return None
        return {"file": shown(code.co_filename, project), "line": code.co_firstlineno}


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
        import inspect

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
    import re

    plural = re.search("[A-Z]{2,}s$", operation)
    if plural:
        operation = operation[: plural.start()] + "_" + plural.group().lower()
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", operation)
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", words).lower()


class Notes:
    """What the import read.

    Noted: files opened for reading and modules loaded, folders listed, files asked for by name (all outside the standard
    library and the installed packages, which count by the time stamp of their folders), environment variables read.
    Not seen: the clock, chance, and what a library in C does behind Python's back.
    """

    OUTSIDE = {
        "subprocess.Popen": "starts a program",
        "os.system": "starts a program",
        "os.posix_spawn": "starts a program",
        "os.exec": "starts a program",
        "os.fork": "starts a process",
        "socket.connect": "opens a connection",
        "socket.getaddrinfo": "looks up a host",
        "socket.gethostbyname": "looks up a host",
        "sqlite3.connect": "opens a database",
    }
    # Where an AWS client that finds no credentials asks the machine for some: what an app registers does not hang on them.
    CREDENTIALS = ("'169.254.169.254'", "'169.254.170.2'", "'fd00:ec2::254'")

    def __init__(self, project):
        self.project = project
        self.started = time.time_ns()
        self.on = False
        self.files = set()
        self.folders = set()
        self.asked = {}
        self.variables = set()
        self.volatile = set()
        self.installed = installed_folders()

    def start(self):
        sys.addaudithook(self.hear)
        self.watch_environment()
        self.watch_stat()
        self.on = True

    def stop(self):
        self.on = False

    def hear(self, event, args):
        if not self.on:
            return
        if event == "open":
            self.opened(*args)
        elif event in ("os.listdir", "os.scandir"):
            self.listed(args[0])
        elif event in self.OUTSIDE and not any(address in repr(args) for address in self.CREDENTIALS):
            self.volatile.add(self.OUTSIDE[event])

    def opened(self, path, mode, flags):
        path = self.worth_noting(path)
        if path is None:
            return
        writes = flags & (os.O_WRONLY | os.O_RDWR) if isinstance(flags, int) else 0
        if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
            self.volatile.add("writes a file")
        else:
            self.files.add(path)

    def listed(self, path):
        path = self.worth_noting(path if path is not None else ".")
        if path is not None and is_below(path, self.project):
            self.folders.add(path)

    def worth_noting(self, path):
        """The path in full, or None for what belongs to Python or to installed packages."""
        try:
            full = os.path.join(os.getcwd(), os.fsdecode(path))
        except Exception:
            # An open file descriptor: whoever opened it was heard already.
            return None
        full = os.path.normpath(full)
        if full in (os.devnull, sys.executable) or any(is_below(full, folder) for folder in self.installed):
            return None
        if full.startswith(("/dev/", "/proc/", "/sys/")):
            self.volatile.add("reads a device")
            return None
        return full

    def watch_environment(self):
        notes = self

        class Environment(type(os.environ)):
            def __getitem__(self, key):
                if notes.on:
                    notes.variables.add(os.fsdecode(key))
                return super().__getitem__(key)

            def __iter__(self):
                if notes.on:
                    notes.variables.add("*")
                return super().__iter__()

            def __len__(self):
                if notes.on:
                    notes.variables.add("*")
                return super().__len__()

        # The very objects that modules may have imported by name, so that no read goes past.
        try:
            os.environ.__class__ = Environment
            if hasattr(os, "environb"):
                os.environb.__class__ = Environment
        except TypeError:
            self.volatile.add("reads of environment variables cannot be followed here")

    def watch_stat(self):
        notes = self

        def noting(original):
            def ask(path, *args, **named):
                try:
                    found = original(path, *args, **named)
                except OSError:
                    notes.ask(path, None)
                    raise
                notes.ask(path, found)
                return found

            for group in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
                if original in group:
                    group.add(ask)
            return ask

        os.stat = noting(os.stat)
        os.lstat = noting(os.lstat)

    def ask(self, path, found):
        if not self.on or isinstance(path, int):
            return
        full = self.worth_noting(path)
        if full is None or not is_below(full, self.project):
            return
        import stat

        kind = "none" if found is None else "folder" if stat.S_ISDIR(found.st_mode) else "file"
        self.asked[full] = kind

    def answer(self):
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name != "__main__" and isinstance(file, str) and self.worth_noting(file):
                self.files.add(self.worth_noting(file))
        files = {}
        for path in sorted(self.files):
            # The compiled form is made from the source, which is noted itself.
            if path.endswith(".pyc"):
                continue
            files[path] = self.digest(path)
        return {
            "files": files,
            "folders": {path: listing(path) for path in sorted(self.folders)},
            "asked": dict(sorted(self.asked.items())),
            "packages": {path: stamp(path) for path in sorted(self.package_folders())},
            "variables": sorted(self.variables),
            "volatile": sorted(self.volatile),
        }

    def digest(self, path):
        """The SHA-256 of a file, or None where it is missing."""
        import hashlib

        try:
            with open(path, "rb") as file:
                content = file.read()
                changed = os.fstat(file.fileno()).st_mtime_ns
        except OSError:
            return None
        # Saved while the app was being imported: which version was read cannot be told.
        if changed > self.started - 50_000_000:
            self.volatile.add("a file changed meanwhile")
        return hashlib.sha256(content).hexdigest()

    def package_folders(self):
        """Folders on the path outside the project: installing a package changes their time stamp."""
        return [path for path in sys.path if os.path.isdir(path) and not is_own(path, self.project)]


def listing(path):
    """The names in a folder, without what Python itself leaves there; None where it is missing."""
    try:
        names = os.listdir(path)
    except OSError:
        return None
    return sorted(name for name in names if name != "__pycache__" and not name.endswith(".pyc"))


def stamp(path):
    try:
        return str(os.stat(path).st_mtime_ns)
    except OSError:
        return None


def installed_folders():
    """Where Python and installed packages live."""
    import sysconfig

    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = [sysconfig.get_path(name) for name in names]
    paths += [path for path in sys.path if "site-packages" in path or "dist-packages" in path]
    return sorted({os.path.realpath(path) for path in paths if path} | {os.path.normpath(path) for path in paths if path})


def is_below(path, folder):
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_own(path, project):
    """True for a file that the user wrote: in the project, but neither vendored nor installed."""
    full = os.path.normpath(os.path.join(project, path))
    if not is_below(full, project) or is_below(full, os.path.join(project, "vendor")):
        return False
    return not any(is_below(full, folder) for folder in installed_folders())


def shown(path, project):
    """A path as a user would write it: relative inside the project."""
    full = os.path.normpath(os.path.join(project, path))
    return os.path.relpath(full, project) if is_below(full, project) else full


if __name__ == "__main__":
    main()

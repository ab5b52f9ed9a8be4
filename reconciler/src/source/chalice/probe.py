"""Imports a Chalice project's app.py and writes down everything that it registered, as one JSON document.

Run as `python probe.py`, with one JSON request on standard input (see `main`). The parts in the folder `probe/` are put in
front of this one, so that the script is a single file and takes no name from the app's modules. The answer goes to a file
that the request names, because an app may print while it is imported: its standard output and error are left to it.
Nothing outside the standard library and the project's own `chalice` is imported; in particular not botocore, which would
take most of the time.

The app is loaded as Chalice loads it: project folder first on the path, `vendor/` last, the configured environment
variables set, module `app`, attribute `app`. What the import read (files, folders, environment variables) is noted, so
that the caller can tell whether an earlier answer still holds. What no note can cover (a network answer, another
program's output) makes the answer `volatile`: good for now, not to be kept.
"""
import faulthandler
import importlib
import json
import linecache
import os
import sys


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
        # The folder of this script is no part of what the app may import. (Python may have left it out already.)
        here = os.path.dirname(os.path.realpath(sys.argv[0]))
        if sys.path and os.path.realpath(sys.path[0]) == here:
            del sys.path[0]
        try:
            import chalice
            import chalice.app
        except ImportError as error:
            return {"outcome": "error", "error": {"kind": "no_chalice", "message": str(error)}}
        self.sites.watch(chalice.app)
        if self.hang:
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


def is_below(path, folder):
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_own(path, project):
    """True for a file that the user wrote: in the project, but neither vendored nor installed."""
    full = os.path.normpath(os.path.join(project, path))
    # Code without a file calls itself `<frozen os>` and the like.
    if path.startswith("<") or not is_below(full, project) or is_below(full, os.path.join(project, "vendor")):
        return False
    return not any(is_below(full, folder) for folder in installed_folders())


def shown(path, project):
    """A path as a user would write it: relative inside the project."""
    full = os.path.normpath(os.path.join(project, path))
    return os.path.relpath(full, project) if is_below(full, project) else full


if __name__ == "__main__":
    main()

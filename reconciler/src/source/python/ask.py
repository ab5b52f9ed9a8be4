# Tells what an interpreter is and has, as one line of JSON behind a mark. Runs on any Python, however old.
import json
import sys

# The current folder is the project's; its modules must not stand in for those that are asked for.
sys.path[:] = [p for p in sys.path if p]


def has(name):
    try:
        from importlib.util import find_spec
        return find_spec(name) is not None
    except Exception:
        return False


def chalice():
    try:
        import chalice
        import chalice.app
        files = [f[:-1] if f.endswith(".pyc") else f for f in (chalice.app.__file__, chalice.__file__)]
        return {"version": chalice.__version__, "app_py": files[0], "init_py": files[1]}, None
    except Exception:
        kind, error, _ = sys.exc_info()
        # An empty folder named chalice somewhere on the path is a namespace package, not chalice.
        missing = getattr(error, "name", None) in ("chalice", "chalice.app") and kind is not ImportError
        missing = missing or str(error) == "No module named chalice"
        return None, None if missing else "%s: %s" % (kind.__name__, error)


def platform():
    try:
        import sysconfig
        return sysconfig.get_platform()
    except Exception:
        return sys.platform


found, broken = chalice()
answer = {
    "version": list(sys.version_info[:3]),
    "executable": sys.executable,
    "platform": platform(),
    "base": getattr(sys, "base_prefix", sys.prefix),
    "venv": has("venv") and has("ensurepip"),
    "pip": has("pip"),
    "chalice": found,
    "broken": broken,
}
sys.stdout.write("\ngrail-python:" + json.dumps(answer) + "\n")

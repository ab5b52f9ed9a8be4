"""What the import of an app reads."""
import hashlib
import os
import stat
import sys
import sysconfig
import time


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
        try:
            with open(path, "rb") as file:
                content = file.read()
                changed = os.fstat(file.fileno()).st_mtime_ns
        except OSError:
            return None
        # Saved while the app was being imported: which version was read cannot be told.
        if changed > self.started - 20_000_000:
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
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = [sysconfig.get_path(name) for name in names]
    paths += [path for path in sys.path if "site-packages" in path or "dist-packages" in path]
    return sorted({os.path.realpath(path) for path in paths if path} | {os.path.normpath(path) for path in paths if path})

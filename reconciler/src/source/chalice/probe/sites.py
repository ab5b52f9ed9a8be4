"""Where each decorator of an app stands."""
import inspect
import sys


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
        try:
            code = inspect.unwrap(function).__code__
        except Exception:
            return None
        return {"file": shown(code.co_filename, project), "line": code.co_firstlineno}

"""Says what Chalice's decorators take and what projects say to them.

The arguments are folders of projects. The answer, on standard output, is one JSON object: `known` has every parameter of
every decorator and of the classes whose instances are passed to them, read from the installed Chalice; `used` has for each
project, by the name of its folder, the parameters that its source gives to each. Sources are parsed, never imported.
"""

import ast
import inspect
import json
import os
import sys
import textwrap

import chalice
from chalice.app import Blueprint, Chalice, DecoratorAPI

CLASSES = [
    "Blueprint", "CORSConfig", "Chalice", "CognitoUserPoolAuthorizer", "Cron", "CustomAuthorizer", "IAMAuthorizer", "Rate",
]


def parameters(function):
    taken = list(inspect.signature(function).parameters.values())
    return [one.name for one in taken if one.name != "self" and one.kind is not one.VAR_KEYWORD]


def popped(function):
    """The keywords that a function takes out of a dictionary, as route() does: its signature does not tell them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    pops = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "pop"]
    return [call.args[0].value for call in pops if isinstance(call.args[0], ast.Constant)]


def known():
    methods = inspect.getmembers(DecoratorAPI, inspect.isfunction)
    words = {name: parameters(method) for name, method in methods if not name.startswith("_")}
    register = next(vars(base)["_register_route"] for base in Chalice.__mro__ if "_register_route" in vars(base))
    # `name` is taken before the rest is handed on, for every kind of handler; `url_prefix` is what a blueprint adds.
    words["route"] += ["name"] + [word for word in popped(register) if word not in ("name", "url_prefix")]
    words["register_blueprint"] = [one for one in parameters(Chalice.register_blueprint)]
    words["with_scopes"] = parameters(chalice.CognitoUserPoolAuthorizer.with_scopes)
    for name in CLASSES:
        words[name] = parameters(getattr(chalice, name, Blueprint).__init__)
    return words


def used(project, words):
    found = {}
    for folder, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name not in ("vendor", "__pycache__") and not name.startswith(".")]
        for file in files:
            if file.endswith(".py"):
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    for name, keywords in calls(ast.parse(source.read()), words):
                        found.setdefault(name, set()).update(keywords)
    return {name: sorted(keywords) for name, keywords in found.items()}


def calls(tree, words):
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", None))
            # A method of something else may have the name of a class or of a decorator, but never with its keywords.
            if name in words:
                given = [word.arg for word in call.keywords if word.arg]
                yield name, words[name][: len(call.args)] + given


def main():
    words = known()
    answer = {"known": words, "used": {os.path.basename(path): used(path, words) for path in sys.argv[1:]}}
    json.dump(answer, sys.stdout)


main()

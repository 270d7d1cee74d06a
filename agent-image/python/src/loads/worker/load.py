"""From a fully qualified name to a test case class and a method, with an answer for everything that can fail."""

import difflib
import importlib
import importlib.util
import os
import traceback
import unittest


class LoadError(Exception):
    """Why a test could not be loaded: `kind` is one of the names in the runner protocol."""

    def __init__(self, kind, message, trace=""):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.traceback = trace


def load(fqn, directory=None):
    """The class and the method name behind `fqn`, "package.module.Class.method"."""
    from loads.case import TestCase

    directory = directory or os.getcwd()
    parts = fqn.split(".") if isinstance(fqn, str) else []
    if len(parts) < 3 or not all(part.isidentifier() for part in parts):
        raise LoadError(
            "fqn",
            f"test {fqn!r} is not a fully qualified name: module, class and method are needed, joined by dots, "
            'as in "example.TestWebSite.test_something"',
        )
    module_name, class_name, method = ".".join(parts[:-2]), parts[-2], parts[-1]
    module = _import(module_name, directory)
    case = getattr(module, class_name, None)
    if case is None:
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise LoadError(
            "class-not-found",
            f"module {module_name!r} ({module.__file__}) has no class {class_name!r}{_hint(class_name, classes)}",
        )
    if not (isinstance(case, type) and issubclass(case, TestCase)):
        what = "a unittest.TestCase only" if _is(case, unittest.TestCase) else "no test case"
        raise LoadError(
            "not-a-testcase",
            f"{module_name}.{class_name} is {what}: derive it from loads.case.TestCase "
            "(from loads.case import TestCase)",
        )
    if not callable(getattr(case, method, None)):
        methods = [name for name in dir(case) if callable(getattr(case, name)) and not hasattr(TestCase, name)]
        raise LoadError(
            "method-not-found", f"{module_name}.{class_name} has no method {method!r}{_hint(method, methods)}"
        )
    return case, method


def _is(value, kind):
    return isinstance(value, type) and issubclass(value, kind)


def _hint(name, names):
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    names = sorted(names)[:10]
    return f"; it has {', '.join(names)}" if names else "; it has none"


def _import(name, directory):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if not (name == missing or name.startswith(missing + ".")):
            raise LoadError(
                "import-error",
                f"importing {name!r} failed: {error}. If {missing!r} is a package that the test needs, "
                "add it to bundle.pythonDeps; if it is a file of the test, add it to the bundle",
                traceback.format_exc(),
            ) from error
        raise LoadError("module-not-found", _not_found(name, missing, directory)) from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise LoadError(
            "import-error", f"importing {name!r} failed: {type(error).__name__}: {error}", traceback.format_exc()
        ) from error


def _not_found(name, missing, directory):
    try:
        modules = sorted(
            entry.removesuffix(".py")
            for entry in os.listdir(directory)
            if entry.endswith(".py") or os.path.isdir(os.path.join(directory, entry))
        )
    except OSError:
        modules = []
    return (
        f"no module {missing!r} (for {name!r}) in the test directory {directory} nor in the installed packages"
        f"{_hint(missing, modules)}. Is the file in the bundle, and testDir the directory that holds it?"
    )

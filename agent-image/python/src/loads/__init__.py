"""Load tests written as Python functional tests.

``from loads import TestCase`` is the whole of it; see docs/writing-tests.md.
"""

__version__ = "0.1.0"
__all__ = ["TestCase"]


def __getattr__(name):
    # Lazily: ``python -m loads.worker`` imports this package before gevent has patched the sockets
    # that requests would otherwise bind to.
    if name == "TestCase":
        from loads.case import TestCase

        return TestCase
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

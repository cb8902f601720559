"""How is one venue of ccxt loaded without the hundred others?

``import ccxt.async_support`` loads every exchange there is, twice: half a second of CPU and 50 MB that are never used.
Here the two packages are put in place empty, and give what they are asked for by name; the modules themselves are
ccxt's own, unchanged. Where ccxt is loaded already, it is used as it is.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_PACKAGES = ("ccxt", "ccxt.async_support")


def _put_in_place(name: str) -> ModuleType:
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    package = module_from_spec(spec)

    def given(wanted: str) -> Any:
        """Return what the package would have imported: an error, the base of all exchanges, or an exchange."""
        errors = import_module("ccxt.base.errors")
        if wanted.startswith("_"):
            raise AttributeError(wanted)
        if hasattr(errors, wanted):
            return getattr(errors, wanted)
        module = f"{name}.base.exchange" if wanted == "Exchange" else f"{name}.{wanted}"
        try:
            found = getattr(import_module(module), wanted)
        except ModuleNotFoundError as failure:
            raise AttributeError(f"{name} has no {wanted}") from failure
        _name_classes(package)
        return found

    package.__getattr__ = given  # type: ignore[method-assign]  # a module's own, PEP 562
    sys.modules[name] = package
    return package


def _name_classes(package: ModuleType) -> None:
    """Let names be those of classes, as in ccxt: an import gives them to the modules that the classes are in."""
    for name, module in list(vars(package).items()):
        if isinstance(module, ModuleType) and isinstance(kind := getattr(module, name, None), type):
            setattr(package, name, kind)


def lean_exchange(venue: str) -> Any:
    """Return ccxt's class for a venue, and load what it needs."""
    if _PACKAGES[0] not in sys.modules:
        parent = None
        for name in _PACKAGES:
            package = _put_in_place(name)
            if parent is not None:
                parent.async_support = package  # type: ignore[attr-defined]  # as an import would
            parent = package
    found = getattr(import_module(f"ccxt.async_support.{venue}"), venue)
    _name_classes(sys.modules[_PACKAGES[1]])
    return found

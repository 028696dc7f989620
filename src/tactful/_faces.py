"""Public faces: packages whose names are listed in one table and load when they are first used (PEP 562).

A face imports nothing by itself, so ``import tactful`` and ``import tactful.serving`` cost numpy alone, and a library
that is not installed is missed only by the names that need it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from tactful.errors import missing_extra, missing_library


class Face(ModuleType):
    """A package that loads a public name from the module that defines it, when the name is first used."""

    __all__: tuple[str, ...]
    __homes__: Mapping[str, tuple[str, str]]  # public name: (module, name in it)

    def __getattr__(self, name: str) -> Any:
        if name not in self.__homes__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module, attribute = self.__homes__[name]
        try:
            value = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            extra = missing_library(error)
            if extra is None:
                raise
            raise missing_extra(extra, f"{self.__name__}.{name}") from error
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        """Keep a public function when a module of the same name, as ``ope.bootstrap``, is imported after it."""
        if not (isinstance(value, ModuleType) and name in self.__homes__):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self.__homes__})


def show(package: str, table: Mapping[str, Iterable[str]]) -> None:
    """Make a package a face.

    Parameters
    ----------
    package
        Name of the package that is being imported.
    table
        The public names by the module that defines them, ``"core.log": ["Log"]`` for ``tactful.core.log``. A name may
        be shown under another one: ``"decide as decide_rows"``.
    """
    face = sys.modules[package]
    homes: dict[str, tuple[str, str]] = {}
    for module, names in table.items():
        for entry in names:
            attribute, _, public = entry.partition(" as ")
            homes[public or attribute] = (f"tactful.{module}", attribute)
    vars(face).update(__homes__=homes, __all__=tuple(sorted(homes)))
    face.__class__ = Face

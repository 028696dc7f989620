"""The listing of public names with their signatures, so that a change of the boundary is seen in review.

``python tests/architecture/public_names.py --write`` writes it anew, and the stubs of the faces with it.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import ForwardRef

from faces import FACES, homes, stub, stub_path

LISTING = Path(__file__).parent / "public_names.txt"
LONGEST_DEFAULT = 60  # characters; a longer one is shortened
COMMAND = "python tests/architecture/public_names.py --write"


def listing() -> str:
    """The whole listing, one face after another. A name that an earlier face has shown is only referred to."""
    shown: dict[int, str] = {}
    lines = ["# Public names with their signatures. Written by " + COMMAND]
    for face in FACES:
        lines += ["", face, "=" * len(face)]
        for name in sorted(homes(face)):
            value = getattr(import_module(face), name)
            if id(value) in shown and isinstance(value, type | FunctionType):
                lines.append(f"{name} = {shown[id(value)]}")
                continue
            shown[id(value)] = f"{face}.{name}"
            lines += described(name, value)
    return "\n".join(lines) + "\n"


def described(name: str, value: object) -> Iterator[str]:
    """One line for a function or constant; for a class its fields and methods, a line each."""
    if isinstance(value, type):
        bases = ", ".join(b.__name__ for b in value.__bases__ if b not in {object, tuple} and b.__module__ != "typing")
        yield f"class {name}({bases})" if bases else f"class {name}"
        yield from (f"    {line}" for line in members(value))
    elif callable(value):
        yield f"{name}{signature(value)}"
    else:
        yield f"{name}: {type(value).__name__} = {default(value)}"


def members(cls: type) -> Iterator[str]:
    """Fields in their order, then whatever else is public, by name."""
    fields = dict(field_lines(cls))
    yield from fields.values()
    constructed = (
        "__init__" in vars(cls) and not dataclasses.is_dataclass(cls) and not getattr(cls, "_is_protocol", False)
    )
    if constructed:
        yield f"__init__{signature(cls.__init__)}"
    for name in sorted(dir(cls)):
        home = next((c for c in cls.__mro__ if name in vars(c)), object)
        if not name.startswith("_") and name not in fields and home.__module__.startswith("tactful"):
            yield member(name, vars(home)[name])


def field_lines(cls: type) -> Iterator[tuple[str, str]]:
    """The fields of a record, and annotated attributes of a protocol."""
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            if not field.name.startswith("_"):
                value = "" if field.default is dataclasses.MISSING else f" = {default(field.default)}"
                value = value if field.default_factory is dataclasses.MISSING else " = …"
                yield field.name, f"{field.name}: {annotation(field.type)}{value}{' (keyword)' * field.kw_only}"
        return
    defaults = getattr(cls, "_field_defaults", {})
    for name, kind in vars(cls).get("__annotations__", {}).items():
        if not name.startswith("_"):
            yield name, f"{name}: {annotation(kind)}{f' = {default(defaults[name])}' if name in defaults else ''}"


def member(name: str, value: object) -> str:
    if isinstance(value, property | cached_property):
        function = value.fget if isinstance(value, property) else value.func
        return f"{name}: {annotation(inspect.signature(function).return_annotation)} (property)"
    if isinstance(value, classmethod | staticmethod):
        return f"{name}{signature(value.__func__)} ({type(value).__name__})"
    return f"{name}{signature(value)}" if callable(value) else f"{name}: {type(value).__name__} = {default(value)}"


def signature(function: object) -> str:
    """As it is called: without ``self`` or ``cls``, with annotations and defaults as they stand in the source."""
    calling = inspect.signature(function)
    parameters = [
        p.replace(
            annotation=inspect.Parameter.empty if p.annotation is p.empty else Verbatim(annotation(p.annotation)),
            default=p.empty if p.default is p.empty else Verbatim(default(p.default)),
        )
        for name, p in calling.parameters.items()
        if name not in {"self", "cls"}
    ]
    returns = calling.return_annotation
    arrow = "" if returns is calling.empty else f" -> {annotation(returns)}"
    return f"{inspect.Signature(parameters)}{arrow}"


def annotation(kind: object) -> str:
    if isinstance(kind, ForwardRef):
        return kind.__forward_arg__
    return kind if isinstance(kind, str) else inspect.formatannotation(kind)


def default(value: object) -> str:
    """A default as text that is the same in every process."""
    text = value.__name__ if isinstance(value, FunctionType | type) else repr(value)
    return text if len(text) <= LONGEST_DEFAULT and " at 0x" not in text else f"{type(value).__name__}(…)"


class Verbatim:
    """Text that prints as it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.__module__, self.__qualname__ = "builtins", text

    def __repr__(self) -> str:
        return self.text


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        for face in FACES:
            stub_path(face).write_text(stub(face), encoding="utf-8")
        LISTING.write_text(listing(), encoding="utf-8")
    else:
        print(listing(), end="")

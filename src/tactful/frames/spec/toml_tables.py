"""Plain values out of TOML tables: every mistake names its key, what was found and what is expected."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from tactful.errors import SpecError


def load(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    SpecError
        The file cannot be read, or is no TOML; the message has the line and the column.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError("no such file", str(path), "give the path of a spec, or write one with tactful init") from None
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}", str(path), "give the path of a TOML file") from None
    except UnicodeDecodeError:
        raise SpecError("is not UTF-8 text", str(path), "give the path of a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"broken TOML: {error}", str(path), "mend that line") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like ``name``, quoted; empty where none is known.

    >>> nearest("usr_id", ["week", "user_id"])
    "'user_id'"
    """
    options = list(known)
    close = get_close_matches(name, options, 1, 0.0) or options[:1]
    return repr(close[0]) if close else ""


def unknown(what: str, name: str, known: Iterable[str], where: str) -> SpecError:
    """The error for a name that is not among the known ones."""
    options = tuple(known)
    do = f"the nearest known {what} is {nearest(name, options)}" if options else f"there is no {what} to choose from"
    return SpecError(f"unknown {what} {name!r}", where, do)


def table(raw: object, where: str, keys: Sequence[str] | None = None) -> dict[str, Any]:
    """A table, with no key but ``keys``."""
    if not isinstance(raw, Mapping):
        raise expected("a table", raw, where)
    plain = {str(key): value for key, value in cast("Mapping[Any, Any]", raw).items()}
    if keys is not None:
        for key in plain:
            if key not in keys:
                raise unknown("key", key, keys, where)
    return plain


def text(raw: object, where: str) -> str:
    """A text that is not empty."""
    if not isinstance(raw, str) or not raw:
        raise expected("a text", raw, where)
    return raw


def number(raw: object, where: str, *, least: float = -math.inf) -> float:
    """A finite number of at least ``least``; true and false are none."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise expected("a number", raw, where)
    if not math.isfinite(raw) or raw < least:
        raise expected(
            "a finite number" if least == -math.inf else f"a finite number of at least {least:g}", raw, where
        )
    return float(raw)


def whole(raw: object, where: str) -> int:
    """A whole number."""
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise expected("a whole number", raw, where)
    return raw


def flag(raw: object, where: str) -> bool:
    """True or false."""
    if not isinstance(raw, bool):
        raise expected("true or false", raw, where)
    return raw


def items(raw: object, where: str, what: str = "a list") -> list[Any]:
    """A list."""
    if not isinstance(raw, list | tuple):
        raise expected(what, raw, where)
    return list(cast("Sequence[Any]", raw))


def choice(raw: object, options: Sequence[str], where: str) -> str:
    """One of ``options``."""
    if not isinstance(raw, str) or raw not in options:
        raise expected("one of " + ", ".join(options), raw, where)
    return raw


def moment(raw: object, where: str) -> str:
    """The ISO text of a date or a time, which TOML may hold as such."""
    return raw.isoformat() if isinstance(raw, date) else text(raw, where)


def expected(what: str, raw: object, where: str) -> SpecError:
    """The error for a value of another kind."""
    return SpecError(f"expected {what}, found {_described(raw)}", where, "correct the value")


def _described(raw: object) -> str:
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "true or false"),
        (str, "a text"),
        ((int, float), "a number"),
        (Mapping, "a table"),
        ((list, tuple), "a list"),
        ((date, time), "a time"),
    ]
    kind = next((name for type_, name in kinds if isinstance(raw, type_)), type(raw).__name__)
    shown = repr(raw) if not isinstance(raw, date | time) else raw.isoformat()
    return f"{shown if len(shown) < 60 else shown[:57] + '...'} ({kind})"

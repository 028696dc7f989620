"""Typed values out of TOML tables: the message of every mistake names its key, what stands there and what should."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from tactful.errors import SpecError

CALENDAR_DAYS = 3_652_059  # years 1 to 9999


def load_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    SpecError
        The file cannot be read, or is no TOML; the message has the line and the column.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SpecError("no such file", str(path), "give the path of a spec, or write one with tactful init") from None
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}", str(path), "give the path of a TOML file") from None
    except UnicodeDecodeError:
        raise SpecError("is not UTF-8 text", str(path), "give the path of a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"broken TOML: {error}", str(path), "mend that line") from None


def find_nearest(name: str, options: Iterable[str]) -> str:
    """The option that is spelled most like ``name``, quoted; empty where there is no option.

    >>> find_nearest("usr_id", ["week", "user_id"])
    "'user_id'"
    """
    names = list(options)
    matches = get_close_matches(name, names, 1, 0.0) or names[:1]
    return repr(matches[0]) if matches else ""


def unknown_name_error(what: str, name: str, options: Iterable[str], where: str) -> SpecError:
    """The error for a name that is not among the options.

    Parameters
    ----------
    what
        What is named, such as ``key`` or ``action``.
    name
        The name that was given.
    options
        The names that exist; the message suggests the nearest of them.
    where
        The place in the spec.
    """
    names = tuple(options)
    do = f"the nearest known {what} is {find_nearest(name, names)}" if names else f"there is no {what} to choose from"
    return SpecError(f"unknown {what} {name!r}", where, do)


def wrong_value_error(expectation: str, raw: object, where: str) -> SpecError:
    """The error for a value of another kind than is expected."""
    return SpecError(f"expected {expectation}, found {_describe(raw)}", where, "correct the value")


def read_table(raw: object, where: str, keys: Sequence[str] | None = None) -> dict[str, Any]:
    """A table; where ``keys`` are given, it may have no other."""
    if not isinstance(raw, Mapping):
        raise wrong_value_error("a table", raw, where)
    entries = {str(key): value for key, value in cast("Mapping[Any, Any]", raw).items()}
    if keys is not None:
        for key in entries:
            if key not in keys:
                raise unknown_name_error("key", key, keys, where)
    return entries


def read_text(raw: object, where: str) -> str:
    """A text that is not empty."""
    if not isinstance(raw, str) or not raw:
        raise wrong_value_error("a text", raw, where)
    return raw


def read_number(raw: object, where: str, *, minimum: float = -math.inf) -> float:
    """A finite number of at least ``minimum``; true and false are no numbers."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise wrong_value_error("a number", raw, where)
    if not math.isfinite(raw) or raw < minimum:
        bound = "" if minimum == -math.inf else f" of at least {minimum:g}"
        raise wrong_value_error(f"a finite number{bound}", raw, where)
    return float(raw)


def read_days(raw: object, where: str, *, minimum: float = -CALENDAR_DAYS) -> float:
    """A number of days that a calendar can hold."""
    days = read_number(raw, where, minimum=minimum)
    if abs(days) > CALENDAR_DAYS:
        raise wrong_value_error(f"a number of days up to {CALENDAR_DAYS:,}", raw, where)
    return days


def read_integer(raw: object, where: str) -> int:
    """A whole number."""
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise wrong_value_error("a whole number", raw, where)
    return raw


def read_flag(raw: object, where: str) -> bool:
    """True or false."""
    if not isinstance(raw, bool):
        raise wrong_value_error("true or false", raw, where)
    return raw


def read_list(raw: object, where: str, expectation: str = "a list") -> list[Any]:
    """A list; ``expectation`` says in the message what it should hold."""
    if not isinstance(raw, list | tuple):
        raise wrong_value_error(expectation, raw, where)
    return list(cast("Sequence[Any]", raw))


def read_choice(raw: object, options: Sequence[str], where: str) -> str:
    """One of ``options``."""
    if not isinstance(raw, str) or raw not in options:
        raise wrong_value_error("one of " + ", ".join(options), raw, where)
    return raw


def read_moment(raw: object, where: str) -> str:
    """The ISO text of a date or a time, which TOML may also hold as such."""
    return raw.isoformat() if isinstance(raw, date) else read_text(raw, where)


def _describe(raw: object) -> str:
    """A value and its kind, as messages show them."""
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "true or false"),
        (str, "a text"),
        ((int, float), "a number"),
        (Mapping, "a table"),
        ((list, tuple), "a list"),
        ((date, time), "a time"),
    ]
    kind = next((name for type_, name in kinds if isinstance(raw, type_)), type(raw).__name__)
    literal = repr(raw) if not isinstance(raw, date | time) else raw.isoformat()
    return f"{literal if len(literal) < 60 else literal[:57] + '...'} ({kind})"

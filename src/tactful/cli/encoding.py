"""Any text on any terminal: what its encoding does not have is written in characters that it has."""

from __future__ import annotations

import codecs
import sys
from io import TextIOWrapper

HANDLER = "tactful.ascii"
PLAIN = {
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "×": "x",
    "±": "+/-",
    "·": ".",
    "≤": "<=",
    "≥": ">=",
    "½": "1/2",
    "²": "^2",
    "→": "->",
    "│": "|",
    "─": "-",
    "δ": "delta",
    "ε": "epsilon",
    "Σ": "sum",
    "ë": "e",
    "í": "i",
}
"""What tactful itself prints beyond ASCII; anything else, such as names of actions, is escaped."""


def encode_anything() -> None:
    """Let stdout and stderr take every text, whatever their encoding is."""
    codecs.register_error(HANDLER, _in_plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors=HANDLER)


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(character) or _escaped(character) for character in text), error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")

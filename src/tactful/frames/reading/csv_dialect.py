"""How a CSV file is written: its separator and decimal sign, by its first lines, and encodings that are not read."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tactful.errors import LogError

SAMPLE_BYTES = 1 << 16
GZIP_MARK = b"\x1f\x8b"
# UTF-32 begins as UTF-16 does, so it comes first.
WIDE_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
QUOTED = re.compile(r'"(?:[^"]|"")*"')
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """What separates fields, and which sign numbers have before their fraction."""

    separator: Literal[",", ";", "\t"] = ","
    """Between the fields."""
    decimal_comma: bool = False
    """Whether numbers are written as 0,5."""


def detect_dialect(path: Path) -> CsvDialect:
    """The dialect of a CSV file: a header with commas has them between its fields, else with tabs or semicolons these.

    Raises
    ------
    LogError
        The file is UTF-16 or UTF-32, or its numbers have both decimal signs.
    """
    sample = _read_sample(path)
    encoding = next((name for mark, name in WIDE_ENCODINGS if sample.startswith(mark)), None)
    if encoding is None and b"\0" in sample[:2]:
        encoding = "UTF-16"
    if encoding is not None:
        do = f"save it as 'CSV UTF-8', or convert it: iconv -f {encoding} -t UTF-8"
        raise LogError(f"is text in {encoding}, not in UTF-8", str(path), do)
    text = QUOTED.sub('""', sample.decode("utf-8-sig", errors="replace"))
    header, *lines = text.splitlines() or [""]
    if "," in header or not (";" in header or "\t" in header):
        return CsvDialect()
    separator: Literal["\t", ";"] = "\t" if "\t" in header else ";"
    fields = {field.strip() for line in lines[:-1] or lines for field in line.split(separator)}
    has_comma = any(DECIMAL_COMMA.fullmatch(field) for field in fields)
    if has_comma and any(DECIMAL_POINT.fullmatch(field) for field in fields):
        raise LogError("numbers with decimal commas and with decimal points", str(path), "write them all in one way")
    return CsvDialect(separator, has_comma)


def _read_sample(path: Path) -> bytes:
    """The first bytes of a file, of what is in it if it is gzipped."""
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MARK
    with suppress(EOFError, zlib.error), gzip.open(path) if is_gzip else path.open("rb") as file:
        return file.read(SAMPLE_BYTES)
    return b""  # broken: reading the file says so

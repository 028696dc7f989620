"""Where MLflow keeps runs, as far as a tracking URI says."""

from __future__ import annotations

import re
from pathlib import Path

SQLITE = "sqlite:///"
DATABASES = ("postgresql", "mysql", "mssql", "sqlite")
LOCAL = ("sqlite", "file", "")


def scheme_of(uri: str) -> str:
    """The scheme of a tracking URI without its driver; a path has none."""
    scheme, colon, _ = uri.partition(":")
    return scheme.partition("+")[0].lower() if colon else ""


def sqlite_file(uri: str) -> Path:
    """The file of an SQLite URI."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).absolute()


def without_password(uri: str) -> str:
    """A tracking URI as it may be printed."""
    return re.sub(r"//[^/@]*@", "//…@", uri)

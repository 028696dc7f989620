"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tactful.errors import SpecError

if TYPE_CHECKING:  # pathlib takes a tenth of a service's start-up, and reading a policy does without it
    from pathlib import Path


def check_output(option: str, out: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """Refuse to write where something is read: no input is ever overwritten, by whatever name it is called.

    Two paths are the same place if they are one file (through links, another case, or ``./``). A place within a folder
    that is read is refused too.

    Raises
    ------
    SpecError
        The output is an input, or would become a part of one.
    """
    for source in inputs:
        if os.path.exists(source) and (_is_same(out, source) or _is_within(out, source)):
            what = f"{os.fspath(out)} is read by this command, and would be overwritten"
            if not _is_same(out, source):
                what = f"{os.fspath(out)} is within {os.fspath(source)}, which this command reads"
            raise SpecError(what, option, "name another place")


def check_folder(option: str, folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that cannot be made because a file stands in its way.

    Raises
    ------
    SpecError
        It, or a folder above it, is a file.
    """
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise SpecError(f"{place} is a file", option, "name a folder")


def _is_same(out: str | os.PathLike[str], source: str | os.PathLike[str]) -> bool:
    return os.path.exists(out) and os.path.samefile(out, source)


def _is_within(out: str | os.PathLike[str], source: str | os.PathLike[str]) -> bool:
    """Whether ``out`` is, or would be, in a folder that is read."""
    if not os.path.isdir(source):
        return False
    place = os.path.realpath(out)
    while (parent := os.path.dirname(place)) != place:
        place = parent
        if os.path.exists(place) and os.path.samefile(place, source):
            return True
    return False


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A path beside ``path`` to write to; it takes its place at the end, or is removed after an error.

    Raises
    ------
    OSError
        The folder cannot be written to; it names ``path``.
    """
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if str(error.filename) == str(part):
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)

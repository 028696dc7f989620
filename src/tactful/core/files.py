"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pathlib takes a tenth of a service's start-up, and reading a policy does without it
    from pathlib import Path


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

"""A saved policy and the sha256 of its ``policy.json``, read as one."""

from __future__ import annotations

import os
from hashlib import sha256

from tactful.errors import PolicyFormatError
from tactful.policies.protocol import Published


def digest_of(folder: str | os.PathLike[str]) -> str:
    """The sha256 of the ``policy.json`` in a folder; it names the hash of every other file there.

    Raises
    ------
    PolicyFormatError
        There is none.
    """
    from tactful.policies.artifact import MAX_BYTES, NAME

    path = os.path.join(folder, NAME)
    try:
        with open(path, "rb") as file:
            return sha256(file.read(MAX_BYTES + 1)).hexdigest()
    except OSError as error:
        raise PolicyFormatError(f"no policy ({error.strerror})", path, "name a folder that fit wrote") from None


def read(folder: str | os.PathLike[str], pinned: str | None = None) -> tuple[Published, str]:
    """The policy of a folder and its sha256.

    Raises
    ------
    PolicyFormatError
        Missing, damaged, not the ``pinned`` one, or replaced while it was read.
    """
    from tactful.policies.artifact import load  # what reads files is imported when one is read

    before = digest_of(folder)
    if pinned is not None and before != pinned:
        what = f"sha256 {before[:16]}… is not the pinned {pinned[:16]}…"
        raise PolicyFormatError(what, str(folder), "do not use this policy")
    policy = load(folder)
    if digest_of(folder) != before:
        raise PolicyFormatError("replaced while it was read", str(folder), "read it again")
    return policy, before

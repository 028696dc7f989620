"""Policies as files: a folder with ``policy.json``, checked to the last byte before it is parsed. No pickle.

A contextual policy has its arrays in a second file, named by its own hash, so that a folder always holds one whole
policy: the old one until ``policy.json`` is replaced, the new one from then on.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from tactful.core.files import replacing
from tactful.errors import PolicyFormatError, TactfulError
from tactful.policies import tensors
from tactful.policies.codec import ReadFile, Saved, file_name, from_members, to_members
from tactful.policies.contextual import Contextual

if TYPE_CHECKING:  # pathlib takes a tenth of a service's start-up, and deciding does without it
    from pathlib import Path

NAME = "policy.json"
MAX_BYTES = 64 << 20
# The last member seals the file: the sha256 of every byte before it.
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')


def save(policy: Saved, folder: str | os.PathLike[str]) -> Path:
    """Write a policy into a folder. An older policy there is replaced at once, and only by a whole one.

    Parameters
    ----------
    policy
        What :func:`tactful.publish` gave.
    folder
        Is made where it does not exist.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PolicyFormatError
        The folder's path is a file or cannot be written, or the policy is larger than :func:`load` takes.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.policies.table import uniform
    >>> policy = uniform(ActionSpace.named(["none", "push"]))
    >>> load(save(policy, mkdtemp())).version == policy.version
    True
    """
    from pathlib import Path

    folder, raw = Path(folder), encode(policy)
    arrays = tensors.pack(policy.arrays()) if isinstance(policy, Contextual) else b""
    if len(raw) > MAX_BYTES or len(arrays) > tensors.MAX_BYTES:
        size = len(raw) + len(arrays)
        raise PolicyFormatError(f"{size:,} bytes are more than a policy can have", str(folder), "merge segments")
    files = {NAME: raw} if not arrays else {file_name(sha256(arrays).hexdigest()): arrays, NAME: raw}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as draft:
                draft.write_bytes(content)
        for old in folder.glob("arrays-*.safetensors"):
            if old.name not in files:
                old.unlink()
    except OSError as error:
        raise PolicyFormatError(f"cannot be written ({error.strerror})", str(folder), "name a folder") from None
    return folder


def load(folder: str | os.PathLike[str]) -> Saved:
    """Read a policy. Its size is checked before memory is taken, and its hash before anything is parsed.

    Returns
    -------
    Table or Contextual
        The policy that was saved, with the same version.

    Raises
    ------
    PolicyFormatError
        No policy there, or a damaged, unsafe, newer or inconsistent one: never a different policy.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.policies.table import always
    >>> folder = save(always(ActionSpace.named(["none", "push"]), "push"), mkdtemp())
    >>> load(folder).average().tolist()
    [[0.0, 1.0]]
    """
    path = os.path.join(folder, NAME)
    try:
        raw = _read(path, MAX_BYTES)
    except OSError as error:
        raise PolicyFormatError(f"no policy ({error.strerror})", path, "name a folder that fit wrote") from None
    return decode(raw, path, lambda name, size: _read(os.path.join(folder, name), size))


def _read(path: str, max_bytes: int) -> bytes:
    size = os.stat(path).st_size
    if size > max_bytes:
        raise PolicyFormatError(f"{size:,} bytes are more than a policy can have", path, "save it again")
    with open(path, "rb") as file:
        return file.read(max_bytes)


def encode(policy: Saved) -> bytes:
    """The bytes of ``policy.json``: what it does, where it comes from, and the seal; the same for equal policies."""
    members = to_members(policy)
    body = ",\n ".join(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in members.items())
    head = ("{\n " + body).encode()
    return head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode()


def decode(raw: bytes, where: str = NAME, read: ReadFile | None = None) -> Saved:
    """The policy in the bytes of a ``policy.json``.

    Parameters
    ----------
    raw
        The whole file.
    where
        Path of the file, for errors.
    read
        Gives the bytes of another file of the folder; None where there is no folder.

    Raises
    ------
    PolicyFormatError
        As :func:`load`.
    """
    seal = _SEAL.search(raw)
    if not seal or sha256(raw[: seal.start()]).hexdigest().encode() != seal.group(1):
        raise PolicyFormatError(
            "the checksum does not match: the file is damaged or was edited", where, "save it again"
        )
    try:
        return from_members(json.loads(raw), where, read)
    except PolicyFormatError:
        raise
    except OSError as error:
        raise PolicyFormatError(f"its arrays cannot be read ({error.strerror})", where, "save it again") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, TactfulError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PolicyFormatError(f"not a policy ({detail})", where, "save it again") from None

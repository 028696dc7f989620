"""Policies as files: a folder with ``policy.json``, checked to the last byte before it is parsed. No pickle.

A contextual policy has its arrays in a second file, named by its own hash, so that a folder always holds one whole
policy: the old one until ``policy.json`` is replaced, the new one from then on.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tactful.core.files import replacing
from tactful.errors import PolicyFormatError, TactfulError
from tactful.policies import tensors
from tactful.policies.codec import FORMAT, Read, Saved, build, file_name
from tactful.policies.contextual import Contextual

if TYPE_CHECKING:  # pathlib takes a tenth of a service's start-up, and deciding does without it
    from pathlib import Path

NAME = "policy.json"
MAX_BYTES = 64 << 20
# The last member seals the file: the sha256 of every byte before it.
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')


def save(policy: Saved, folder: str | os.PathLike[str]) -> Path:
    """Write a policy into a folder; atomic, and an older policy there is replaced only by a whole one.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PolicyFormatError
        The folder's path is a file or cannot be written, or the policy is larger than :func:`load` takes.
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
            with replacing(folder / name) as part:
                part.write_bytes(content)
        for old in folder.glob("arrays-*.safetensors"):
            if old.name not in files:
                old.unlink()
    except OSError as error:
        raise PolicyFormatError(f"cannot be written ({error.strerror})", str(folder), "name a folder") from None
    return folder


def load(folder: str | os.PathLike[str]) -> Saved:
    """Read a policy; sizes are checked before memory is taken and the hash before anything is parsed.

    Raises
    ------
    PolicyFormatError
        No policy there, or a damaged, unsafe, newer or inconsistent one: never a different policy.
    """
    path = os.path.join(folder, NAME)
    try:
        raw = _read(path, MAX_BYTES)
    except OSError as error:
        raise PolicyFormatError(f"no policy ({error.strerror})", path, "name a folder that fit wrote") from None
    return decode(raw, path, lambda name, size: _read(os.path.join(folder, name), size))


def _read(path: str, most: int) -> bytes:
    size = os.stat(path).st_size
    if size > most:
        raise PolicyFormatError(f"{size:,} bytes are more than a policy can have", path, "save it again")
    with open(path, "rb") as file:
        return file.read(most)


def encode(policy: Saved) -> bytes:
    """The bytes of ``policy.json``: what it does, where it comes from, and the seal; the same for equal policies."""
    lineage = policy.lineage
    more: dict[str, Any] = {}
    files: dict[str, str] = {}
    if isinstance(policy, Contextual):
        more = {"typical": policy.typical.tolist()}
        files = {file_name(policy.digest): policy.digest}
    plain: dict[str, Any] = {
        "format": FORMAT,
        "version": policy.version,
        **policy.behaviour(),
        "objective": dict(policy.objective.values) if policy.objective else None,
        "limits": policy.limits.to_json(),
        "prices": dict(policy.prices),
        "expected": dict(policy.expected),
        "lineage": asdict(lineage) if lineage else None,
        **more,
        "files": files,
    }
    body = ",\n ".join(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in plain.items())
    head = ("{\n " + body).encode()
    return head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode()


def decode(raw: bytes, where: str = NAME, read: Read | None = None) -> Saved:
    """The policy in the bytes of a ``policy.json``; ``read`` gives the bytes of another file of its folder.

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
        plain = json.loads(raw)
        return build(plain, where, read)
    except PolicyFormatError:
        raise
    except OSError as error:
        raise PolicyFormatError(f"its arrays cannot be read ({error.strerror})", where, "save it again") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, TactfulError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PolicyFormatError(f"not a policy ({detail})", where, "save it again") from None

"""Policies as files: a folder with ``policy.json``, checked to the last byte before it is parsed. No pickle."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.draw import ONE
from tactful.core.files import replacing
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.errors import PolicyFormatError, TactfulError
from tactful.policies.base import Arms, Lineage
from tactful.policies.table import Table

if TYPE_CHECKING:  # pathlib takes a tenth of a service's start-up, and deciding does without it
    from pathlib import Path

FORMAT = 1
NAME = "policy.json"
MAX_BYTES = 64 << 20
# The last member seals the file: the sha256 of every byte before it.
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')


def save(policy: Table, folder: str | os.PathLike[str]) -> Path:
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
    if len(raw) > MAX_BYTES:
        raise PolicyFormatError(f"{len(raw):,} bytes are more than a policy can have", str(folder), "merge segments")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / NAME) as part:
            part.write_bytes(raw)
    except OSError as error:
        raise PolicyFormatError(f"cannot be written ({error.strerror})", str(folder), "name a folder") from None
    return folder


def load(folder: str | os.PathLike[str]) -> Table:
    """Read a policy; sizes are checked before memory is taken and the hash before anything is parsed.

    Raises
    ------
    PolicyFormatError
        No policy there, or a damaged, unsafe, newer or inconsistent one: never a different policy.
    """
    path = os.path.join(folder, NAME)
    try:
        size = os.stat(path).st_size
        if size > MAX_BYTES:
            raise PolicyFormatError(f"{size:,} bytes are more than a policy can have", path, "save it again")
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES)
    except OSError as error:
        raise PolicyFormatError(f"no policy ({error.strerror})", path, "name a folder that fit wrote") from None
    return decode(raw, path)


def encode(policy: Table) -> bytes:
    """The bytes of ``policy.json``: what it does, where it comes from, and the seal; the same for equal policies."""
    lineage = policy.lineage
    plain: dict[str, Any] = {
        "format": FORMAT,
        "version": policy.version,
        **policy.behaviour(),
        "objective": dict(policy.objective.values) if policy.objective else None,
        "limits": policy.limits.to_json(),
        "prices": dict(policy.prices),
        "expected": dict(policy.expected),
        "lineage": asdict(lineage) if lineage else None,
        "files": {},
    }
    body = ",\n ".join(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in plain.items())
    head = ("{\n " + body).encode()
    return head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode()


def decode(raw: bytes, where: str = NAME) -> Table:
    """The policy in the bytes of a ``policy.json``.

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
        return _build(plain, where)
    except PolicyFormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, TactfulError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PolicyFormatError(f"not a policy ({detail})", where, "save it again") from None


def _build(plain: Mapping[str, Any], where: str) -> Table:
    if plain["format"] != FORMAT:
        do = "update tactful" if plain["format"] > FORMAT else "save the policy again"
        raise PolicyFormatError(f"format {plain['format']}; this tactful reads {FORMAT}", where, do)
    if plain["kind"] != "table":
        raise PolicyFormatError(f"unknown kind {plain['kind']!r}", where, "update tactful")
    for name in plain["files"]:
        if "/" in name or "\\" in name or name.startswith("."):
            raise PolicyFormatError(f"a file outside the folder: {name!r}", where, "do not use this policy")
        raise PolicyFormatError(f"a table policy has no file {name!r}", where, "save it again")
    _check_types(plain)
    actions = ActionSpace.from_json(plain["actions"])
    policy = Table(
        actions,
        _tree(plain["segments"], where),
        _shares(plain["shares"], len(plain["segments"]), actions.k, where),
        float(plain["uniform"]),
        str(plain["salt"]),
        str(plain["scope"]),
        Arms(**plain["arms"]),
        plain["from_period"],
        plain["valid_until"],
        None if plain["objective"] is None else Objective(plain["objective"]),
        _limits(plain["limits"]),
        plain["prices"],
        plain["expected"],
        None if plain["lineage"] is None else Lineage(**plain["lineage"]),
    )
    if policy.version != plain["version"]:
        raise PolicyFormatError(
            f"it behaves as version {policy.version} and says {plain['version']}", where, "save it again"
        )
    return policy


def _check_types(plain: Mapping[str, Any]) -> None:
    """Refuse values that Python would take for others: text for a list, a bool for an integer."""
    space: Mapping[str, Any] = plain["actions"]
    lineage: Mapping[str, Any] = plain["lineage"] or {}
    empty = type(None)
    typed: list[tuple[list[Any], tuple[type, ...]]] = [
        (space["names"], (str,)),
        (space["slots"], (str, empty)),
        (space["frequencies"], (int, empty)),
        ([space["origin_us"]], (int,)),
        ([space["period_us"], plain["from_period"], plain["valid_until"]], (int, empty)),
        ([lineage.get("trained_until")], (int, empty)),
        ([lineage.get("split_share", 0)], (int, float)),
    ]
    for values, allowed in typed:
        if type(values) is not list or any(type(v) not in allowed for v in values):
            raise TypeError(f"{values!r:.60} where {' or '.join(t.__name__ for t in allowed)} is expected")


def _tree(paths: list[str], where: str) -> Segments:
    segments = Segments.of(paths)
    if list(segments.paths) != paths:
        raise PolicyFormatError("the segments are not a tree in order", where, "save it again")
    return segments


def _shares(rows: list[list[int]], s: int, k: int, where: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    whole = len(rows) == s and all(len(row) == k for row in rows)
    if not whole or not all(type(x) is int and 0 <= x <= ONE for row in rows for x in row):
        raise PolicyFormatError(f"shares are not {s} rows of {k} integers up to 2**32", where, "save it again")
    return np.array(rows, np.uint64)


def _limits(plain: Mapping[str, Any]) -> Limits:
    outcomes = {o: v for o, v in plain.items() if o not in ("sends_per_period", "slot_share")}
    return Limits(outcomes, plain.get("sends_per_period"), plain.get("slot_share", {}))

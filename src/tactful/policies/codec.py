"""From the plain members of ``policy.json`` to the policy that they say, or a refusal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.draw import ONE
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.errors import PolicyFormatError
from tactful.policies import tensors
from tactful.policies.arms import Arms
from tactful.policies.bank_score import Bank
from tactful.policies.contextual import Contextual
from tactful.policies.exploration_rules import Rule
from tactful.policies.linear_score import Linear
from tactful.policies.table import Table

FORMAT = 1
# The type and the axes of the arrays of each contextual kind.
ARRAYS = {
    "linear": {"group": ("I64", 1), "mean": ("F32", 3), "root": ("F32", 4)},
    "bank": {"group": ("I64", 1), "theta": ("F32", 5), "gain": ("F64", 3), "offset": ("F64", 1)},
}

Saved = Table | Contextual
Read = Callable[[str, int], bytes]


def file_name(digest: str) -> str:
    """The name of the file of arrays with this sha256."""
    return f"arrays-{digest[:16]}.safetensors"


def build(plain: Mapping[str, Any], where: str, read: Read | None) -> Saved:
    """The policy; ``read`` gives the bytes of a file of its folder, at most so many.

    Raises
    ------
    PolicyFormatError
        A newer format, an unknown kind, other files than its own, or members that do not belong together. A member of
        another type may also raise ValueError, TypeError, KeyError or AttributeError.
    """
    if plain["format"] != FORMAT:
        do = "update tactful" if plain["format"] > FORMAT else "save the policy again"
        raise PolicyFormatError(f"format {plain['format']}; this tactful reads {FORMAT}", where, do)
    if plain["kind"] not in ("table", *ARRAYS):
        raise PolicyFormatError(f"unknown kind {plain['kind']!r}", where, "update tactful")
    for name in plain["files"]:
        if "/" in name or "\\" in name or name.startswith("."):
            raise PolicyFormatError(f"a file outside the folder: {name!r}", where, "do not use this policy")
    _check_types(plain)
    policy = _table(plain, where) if plain["kind"] == "table" else _contextual(plain, where, read)
    if policy.version != plain["version"]:
        raise PolicyFormatError(
            f"it behaves as version {policy.version} and says {plain['version']}", where, "save it again"
        )
    return policy


def _table(plain: Mapping[str, Any], where: str) -> Table:
    for name in plain["files"]:
        raise PolicyFormatError(f"a table policy has no file {name!r}", where, "save it again")
    actions, segments = ActionSpace.from_json(plain["actions"]), _tree(plain["segments"], where)
    return Table(actions, segments, _shares(plain["shares"], len(segments), actions.k, where), **_terms(plain))


def _contextual(plain: Mapping[str, Any], where: str, read: Read | None) -> Contextual:
    actions, segments = ActionSpace.from_json(plain["actions"]), _tree(plain["segments"], where)
    s, k, features = len(segments), actions.k, Features.from_json(plain["features"])
    ((name, digest),) = plain["files"].items()
    if name != file_name(digest) or read is None:
        raise PolicyFormatError(f"unexpected files: {name!r}", where, "save it again")
    raw = read(name, tensors.MAX_BYTES)
    place = os.path.join(os.path.dirname(where), name)
    if sha256(raw).hexdigest() != digest or plain["arrays"] != digest:
        raise PolicyFormatError("the checksum does not match: the file is damaged", place, "save it again")
    arrays = tensors.unpack(raw, ARRAYS[plain["kind"]], place)
    base, safe = plain["base"], plain["safe"]
    return Contextual(
        actions,
        segments,
        features,
        _score(plain, arrays),
        _shares(plain["typical"], s, k, where),
        None if base is None else _shares(base, s, k, where),
        float(plain["share"]),
        None if safe is None else _shares(safe, s, k, where).astype(np.bool_),
        **_terms(plain),
    )


def _score(plain: Mapping[str, Any], arrays: Mapping[str, Any]) -> Linear | Bank:
    rule = Rule(str(plain["rule"]["name"]), float(plain["rule"]["parameter"]))
    if plain["kind"] == "linear":
        wide = {name: arrays[name].astype(np.float64) for name in ("mean", "root")}
        return Linear(rule, arrays["group"], **wide)
    return Bank(rule, tuple(plain["links"]), **arrays)


def _terms(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The members that every form has."""
    return {
        "uniform": float(plain["uniform"]),
        "salt": str(plain["salt"]),
        "scope": str(plain["scope"]),
        "arms": Arms(**plain["arms"]),
        "from_period": plain["from_period"],
        "valid_until": plain["valid_until"],
        "objective": None if plain["objective"] is None else Objective(plain["objective"]),
        "limits": _limits(plain["limits"]),
        "prices": plain["prices"],
        "expected": plain["expected"],
        "lineage": None if plain["lineage"] is None else Lineage(**plain["lineage"]),
    }


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
        *((x, (int, float)) for of in lineage.get("learnt", {}).values() for x in of.values()),
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

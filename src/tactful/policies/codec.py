"""Between a policy and the plain members of its ``policy.json``: what is read back is that policy, or is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import U64
from tactful.core.draw import ONE
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.errors import PolicyFormatError
from tactful.policies import tensors
from tactful.policies.arms import Arms
from tactful.policies.bank_score import BankScore
from tactful.policies.contextual import Contextual
from tactful.policies.exploration_rules import Rule
from tactful.policies.linear_score import LinearScore
from tactful.policies.table import Table
from tactful.policies.terms import Terms

FORMAT = 1
# The type and the number of axes of the arrays of each contextual kind.
ARRAYS = {
    "linear": {"group": ("I64", 1), "mean": ("F32", 3), "root": ("F32", 4)},
    "bank": {"group": ("I64", 1), "theta": ("F32", 5), "gain": ("F64", 3), "offset": ("F64", 1)},
}

Saved = Table | Contextual
"""A policy that has an artifact."""

ReadFile = Callable[[str, int], bytes]
"""Takes a name and the largest size in bytes, and gives the bytes of that file of the policy's folder."""


def file_name(digest: str) -> str:
    """The name of the file of arrays with this sha256."""
    return f"arrays-{digest[:16]}.safetensors"


def to_members(policy: Saved) -> dict[str, Any]:
    """The members of ``policy.json`` in their order, without the seal; the same for equal policies."""
    typical: dict[str, Any] = {}
    files: dict[str, str] = {}
    if isinstance(policy, Contextual):
        typical = {"typical": policy.typical.tolist()}
        files = {file_name(policy.digest): policy.digest}
    return {
        "format": FORMAT,
        "version": policy.version,
        **policy.behaviour(),
        **policy.terms.report(),
        **typical,
        "files": files,
    }


def from_members(members: Mapping[str, Any], where: str, read: ReadFile | None) -> Saved:
    """The policy that the members of a ``policy.json`` describe.

    Parameters
    ----------
    members
        As :func:`to_members` gives them.
    where
        Path of the file, for errors.
    read
        Gives the bytes of another file of the folder; None where there is no folder.

    Raises
    ------
    PolicyFormatError
        A newer format, an unknown kind, other files than its own, or members that do not belong together. A member of
        another type may also raise ValueError, TypeError, KeyError or AttributeError.
    """
    if members["format"] != FORMAT:
        do = "update tactful" if members["format"] > FORMAT else "save the policy again"
        raise PolicyFormatError(f"format {members['format']}; this tactful reads {FORMAT}", where, do)
    if members["kind"] not in ("table", *ARRAYS):
        raise PolicyFormatError(f"unknown kind {members['kind']!r}", where, "update tactful")
    for name in members["files"]:
        if "/" in name or "\\" in name or name.startswith("."):
            raise PolicyFormatError(f"a file outside the folder: {name!r}", where, "do not use this policy")
    _check_types(members)
    policy = _table(members, where) if members["kind"] == "table" else _contextual(members, where, read)
    if policy.version != members["version"]:
        raise PolicyFormatError(
            f"it behaves as version {policy.version} and says {members['version']}", where, "save it again"
        )
    return policy


def _table(members: Mapping[str, Any], where: str) -> Table:
    for name in members["files"]:
        raise PolicyFormatError(f"a table policy has no file {name!r}", where, "save it again")
    actions, segments = ActionSpace.from_json(members["actions"]), _tree(members["segments"], where)
    shares = _shares(members["shares"], len(segments), actions.k, where)
    return Table(actions, segments, shares, _terms(members))


def _contextual(members: Mapping[str, Any], where: str, read: ReadFile | None) -> Contextual:
    actions, segments = ActionSpace.from_json(members["actions"]), _tree(members["segments"], where)
    s, k, features = len(segments), actions.k, Features.from_json(members["features"])
    score = _score(members, _arrays(members, where, read))
    base, safe = members["base"], members["safe"]
    return Contextual(
        actions=actions,
        segments=segments,
        features=features,
        score=score,
        typical=_shares(members["typical"], s, k, where),
        base=None if base is None else _shares(base, s, k, where),
        share=float(members["share"]),
        safe=None if safe is None else _shares(safe, s, k, where).astype(np.bool_),
        terms=_terms(members),
    )


def _arrays(members: Mapping[str, Any], where: str, read: ReadFile | None) -> dict[str, Any]:
    """The arrays of a contextual policy, from its second file."""
    ((name, digest),) = members["files"].items()
    if name != file_name(digest) or read is None:
        raise PolicyFormatError(f"unexpected files: {name!r}", where, "save it again")
    raw = read(name, tensors.MAX_BYTES)
    place = os.path.join(os.path.dirname(where), name)
    if sha256(raw).hexdigest() != digest or members["arrays"] != digest:
        raise PolicyFormatError("the checksum does not match: the file is damaged", place, "save it again")
    return tensors.unpack(raw, ARRAYS[members["kind"]], place)


def _score(members: Mapping[str, Any], arrays: Mapping[str, Any]) -> LinearScore | BankScore:
    rule = Rule(str(members["rule"]["name"]), float(members["rule"]["parameter"]))
    if members["kind"] == "linear":
        mean, root = (arrays[name].astype(np.float64) for name in ("mean", "root"))
        return LinearScore(rule, arrays["group"], mean, root)
    return BankScore(rule=rule, links=tuple(members["links"]), **arrays)


def _terms(members: Mapping[str, Any]) -> Terms:
    objective, lineage = members["objective"], members["lineage"]
    return Terms(
        uniform=float(members["uniform"]),
        salt=str(members["salt"]),
        scope=str(members["scope"]),
        arms=Arms(**members["arms"]),
        from_period=members["from_period"],
        valid_until=members["valid_until"],
        objective=None if objective is None else Objective(objective),
        limits=_limits(members["limits"]),
        prices=members["prices"],
        expected=members["expected"],
        lineage=None if lineage is None else Lineage(**lineage),
    )


def _check_types(members: Mapping[str, Any]) -> None:
    """Refuse values that Python would take for others: text for a list, a bool for an integer."""
    space: Mapping[str, Any] = members["actions"]
    lineage: Mapping[str, Any] = members["lineage"] or {}
    empty = type(None)
    typed: list[tuple[list[Any], tuple[type, ...]]] = [
        (space["names"], (str,)),
        (space["slots"], (str, empty)),
        (space["frequencies"], (int, empty)),
        ([space["origin_us"]], (int,)),
        ([space["period_us"], members["from_period"], members["valid_until"]], (int, empty)),
        ([lineage.get("trained_until")], (int, empty)),
        ([lineage.get("split_share", 0)], (int, float)),
        *((numbers, (int, float)) for lists in lineage.get("learnt", {}).values() for numbers in lists.values()),
    ]
    for values, allowed in typed:
        if type(values) is not list or any(type(v) not in allowed for v in values):
            raise TypeError(f"{values!r:.60} where {' or '.join(t.__name__ for t in allowed)} is expected")


def _tree(paths: list[str], where: str) -> Segments:
    segments = Segments.of(paths)
    if list(segments.paths) != paths:
        raise PolicyFormatError("the segments are not a tree in order", where, "save it again")
    return segments


def _shares(rows: list[list[int]], s: int, k: int, where: str) -> U64:
    rectangular = len(rows) == s and all(len(row) == k for row in rows)
    if not rectangular or not all(type(x) is int and 0 <= x <= ONE for row in rows for x in row):
        raise PolicyFormatError(f"shares are not {s} rows of {k} integers up to 2**32", where, "save it again")
    return np.array(rows, np.uint64)


def _limits(members: Mapping[str, Any]) -> Limits:
    outcomes = {o: v for o, v in members.items() if o not in ("sends_per_period", "slot_share")}
    return Limits(outcomes, members.get("sends_per_period"), members.get("slot_share", {}))

"""The ledger of a holdout: who looked at it, and what its gates have spent of δ; kept beside the log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from tactful.core.files import replacing
from tactful.core.lineage import Lineage
from tactful.errors import LogError

WHOLE_LOG = "whole log"  # the holdout of policies that were fitted on no part of the log
MIN_SHARE = 0.01  # a gate that would get less than this share of δ is not held


class UnwritableLedgerError(LogError):
    """A ledger that takes no entry: what should have been entered must not be relied on."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a gate may spend of δ."""

    delta: float
    """δ of all gates on the holdout together."""
    spent_before: float
    """What other gates have spent of it."""
    spend: float
    """What this one may spend; 0 where too little is left."""
    repeated: bool = False
    """Whether the very same question was asked before: it has the same answer, and costs nothing more."""
    looks: int = 0
    """How often evaluations have shown the holdout."""

    @property
    def remaining(self) -> float:
        """What remains of δ once this gate has been held."""
        return max(self.delta - self.spent_before - (0.0 if self.repeated else self.spend), 0.0)


def ledger_path(log: Path) -> Path:
    """Where the ledger of a log file stands."""
    return log.with_name(log.name + ".ledger.json")


def name_holdout(*lineages: Lineage | None) -> str:
    """Name a holdout by the salt and share of the split, or of every split that has a part in it."""
    names = {f"{x.split_salt}:{x.split_share:g}" for x in lineages if x is not None and x.split_share > 0}
    return " + ".join(sorted(names)) or WHOLE_LOG


def enter_look(path: Path, lineage: Lineage, look: Mapping[str, Any]) -> int:
    """Enter a look at a holdout into a ledger.

    Parameters
    ----------
    path
        The ledger's file.
    lineage
        Of the policy that was evaluated; it names the holdout.
    look
        What was looked at, as plain JSON.

    Returns
    -------
    int
        How many looks there were, with this one.

    Raises
    ------
    LogError
        The ledger is damaged or cannot be written.
    """
    ledger = _read(path)
    looks = _list(path, ledger, name_holdout(lineage), "looks")
    looks.append({"at": _timestamp(), **look})
    _write(path, ledger)
    return len(looks)


def check_ledger(path: Path) -> None:
    """Refuse a ledger that is damaged, before any work is done that would be entered into it.

    Raises
    ------
    LogError
        It is damaged.
    """
    _read(path)


def allowance(path: Path | None, name: str, question: str, *, delta: float, share: float) -> Allowance:
    """What a gate may spend on the holdout ``name``: the ``share`` of what earlier gates have left of δ.

    With a share of ½ successive gates spend δ/2, δ/4, δ/8, …, so that all of them together never spend more than δ.
    Without a ledger the gate has all of δ: then it must be the only one on its holdout.

    Parameters
    ----------
    path
        The ledger's file; None without a ledger.
    name
        Of the holdout.
    question
        The gate's fingerprint.
    delta
        δ of all gates on the holdout together.
    share
        Of what is left that this gate spends.

    Raises
    ------
    LogError
        The ledger is damaged.
    """
    if path is None:
        return Allowance(delta, 0.0, delta)
    ledger = _read(path)
    gates, looks = (_list(path, ledger, name, kind) for kind in ("gates", "looks"))
    spent = _spent(path, gates)
    for gate in gates:
        if gate["question"] == question:
            return Allowance(delta, spent, float(gate["spent"]), repeated=True, looks=len(looks))
    spend = share * (delta - spent)
    return Allowance(delta, spent, spend if spend >= MIN_SHARE * delta else 0.0, looks=len(looks))


def enter_gate(path: Path, name: str, question: str, allowed: Allowance, entry: Mapping[str, Any]) -> None:
    """Enter what a gate spends, before anybody sees its verdict; a repeated question is entered already.

    Parameters
    ----------
    path
        The ledger's file.
    name
        Of the holdout.
    question
        The gate's fingerprint.
    allowed
        What the ledger allowed.
    entry
        What else is written down: δ, the policies and the verdict.

    Raises
    ------
    LogError
        The ledger is damaged, or has changed since the allowance was read.
    UnwritableLedgerError
        It takes no entry.
    """
    if allowed.repeated:
        return
    ledger = _read(path)
    gates = _list(path, ledger, name, "gates")
    if _spent(path, gates) != allowed.spent_before:
        raise LogError("another gate was entered meanwhile", str(path), "hold this one again")
    gates.append({"at": _timestamp(), "question": question, "spent": allowed.spend, **entry})
    _write(path, ledger)


def _spent(path: Path, gates: Sequence[Mapping[str, Any]]) -> float:
    try:
        spent = sum(float(gate["spent"]) for gate in gates if isinstance(gate["question"], str))
    except (KeyError, TypeError, ValueError):
        raise _damaged(path) from None
    if not spent >= 0:
        raise _damaged(path)
    return spent


def _read(path: Path) -> dict[str, Any]:
    try:
        ledger: Any = json.loads(path.read_text()) if path.exists() else {"format": 1, "holdouts": {}}
        if not isinstance(ledger["holdouts"], dict):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError):
        raise _damaged(path) from None
    return ledger


def _list(path: Path, ledger: dict[str, Any], name: str, kind: str) -> list[Any]:
    """The ``looks`` or ``gates`` of a holdout, which may be new."""
    try:
        entry: Any = ledger["holdouts"].setdefault(name, {"looks": []})
        entries: Any = entry["looks"] if kind == "looks" else entry.setdefault(kind, [])
    except (AttributeError, KeyError, TypeError):
        raise _damaged(path) from None
    if not isinstance(entries, list):
        raise _damaged(path)
    return cast("list[Any]", entries)


def _write(path: Path, ledger: Mapping[str, Any]) -> None:
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(ledger, indent=1))
    except OSError as error:
        do = "name another place with --ledger"
        raise UnwritableLedgerError(f"cannot be written ({error.strerror})", str(path), do) from None


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _damaged(path: Path) -> LogError:
    return LogError("the ledger is damaged", str(path), "restore it, or move it away to start a new one")

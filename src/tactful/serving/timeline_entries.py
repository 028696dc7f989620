"""What a decider holds: a snapshot and where it came from, or the stand-in where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from typing import NamedTuple

from tactful.core.actions import ActionSpace
from tactful.errors import PolicyError, TactfulError
from tactful.policies.arms import Arms
from tactful.policies.protocol import Published
from tactful.policies.table import Table
from tactful.policies.terms import DEFAULT_SALT
from tactful.serving.decider_config import ServingConfig
from tactful.serving.folder import read
from tactful.serving.periods import EPOCH, FIRST, LAST, MICROSECOND
from tactful.serving.snapshot import Snapshot
from tactful.serving.timeline import Timeline

FORGOTTEN = "no policy is kept for this period"


class MismatchError(PolicyError):
    """A sound policy that is not one for this decider."""


class Live(NamedTuple):
    """Which policy decides a period, and where it came from."""

    version: str
    """Version of the policy."""
    from_period: int | None
    """First period that it decides; None where there is no bound."""
    until_period: int | None
    """Last period that it decides; None where there is no bound."""
    accepted_at: str
    """When the decider took it (ISO 8601, UTC)."""
    source: str
    """Folder or registry that it came from."""
    sha256: str | None
    """Of its ``policy.json``; None for a policy that did not come from a folder."""
    frozen: bool
    """Whether newer policies are refused for now."""
    fallback: str | None
    """Why no policy decides; None where one does."""


@dataclass(frozen=True, slots=True, eq=False)
class TimelineEntry:
    """A snapshot and where it came from; ``found`` is False where it stands in for a policy that is not there."""

    snapshot: Snapshot
    source: str
    sha256: str | None
    accepted_at_us: int
    found: bool = True


def entry_of(
    policy: Published | str | PathLike[str],
    config: ServingConfig,
    at_us: int,
    *,
    pinned: str | None = None,
    source: str | None = None,
) -> TimelineEntry:
    """A policy, or the one in a folder, made ready with its stand-in.

    Raises
    ------
    PolicyFormatError
        As ``folder.read``.
    PolicyError
        The fallback or an arm cannot be served with its actions.
    """
    origin, digest = "memory", None
    if isinstance(policy, str | PathLike):
        origin = fspath(policy)
        policy, digest = read(policy, pinned)
    table = config.stand_in(policy.actions, policy.arms, policy.salt, policy.scope)
    stand_in = None if table is None else Snapshot(table)
    snapshot = Snapshot(policy, last=_oldest(policy, config), stand_in=stand_in)
    snapshot.shares("", policy.features.centre)  # what a policy prepares at its first use is prepared before it is live
    return TimelineEntry(snapshot, source or origin, digest, at_us)


def without(config: ServingConfig, error: TactfulError, at_us: int) -> TimelineEntry:
    """The stand-in of a decider that starts without a policy.

    Raises
    ------
    TactfulError
        ``error`` itself, where the configuration does not say for which actions, or what to serve instead.
    """
    fallback = config.fallback
    own = isinstance(fallback, Table)
    actions = fallback.actions if own else config.actions
    if actions is None:
        raise error
    arms, salt, scope = (fallback.arms, fallback.salt, fallback.scope) if own else (Arms(), DEFAULT_SALT, "")
    table = config.stand_in(actions, arms, salt, scope)
    if table is None:
        raise error
    snapshot = Snapshot(table, reason=f"no policy: {error.what}")
    return TimelineEntry(snapshot, error.where, None, at_us, found=False)


def refuse_actions(entry: TimelineEntry, actions: ActionSpace | None) -> None:
    """Refuse a policy of other actions than these; None: any will do.

    Raises
    ------
    MismatchError
        They differ.
    """
    if actions is not None and entry.snapshot.policy.actions != actions:
        where = f"policy {entry.snapshot.version}"
        raise MismatchError("it has other actions than those that are served", where, "start a decider for it")


def refuse_mismatch(entry: TimelineEntry, newest: TimelineEntry, start: int) -> None:
    """Refuse a policy that cannot take over from the newest in period ``start``.

    Raises
    ------
    PolicyError
        It has other actions or another scope, or must not decide that period.
    """
    snapshot, running = entry.snapshot, newest.snapshot
    where = f"policy {snapshot.version}"
    refuse_actions(entry, running.policy.actions)
    if newest.found and snapshot.scope != running.scope:
        what = f"it is of scope {snapshot.scope!r}, this decider serves {running.scope!r}"
        raise MismatchError(what, where, "start a decider for each scope")
    if why := snapshot.why_not(start):
        raise PolicyError(f"it cannot begin in period {start}: {why}", where, "publish a newer policy")


def live_at(timeline: Timeline[TimelineEntry], period: int, *, frozen: bool) -> Live:
    """Which policy decides a period."""
    entry = timeline.at(period)
    if entry is None:
        return Live("", None, timeline.starts[0] - 1, "", "", None, frozen, FORGOTTEN)
    start = max(s for s in timeline.starts if s <= period)
    after = [s for s in timeline.starts if s > period]
    return Live(
        entry.snapshot.version,
        None if start == FIRST else start,
        after[0] - 1 if after else None,
        (EPOCH + entry.accepted_at_us * MICROSECOND).isoformat(),
        entry.source,
        entry.sha256,
        frozen,
        entry.snapshot.reason or entry.snapshot.why_not(period),
    )


def _oldest(policy: Published, config: ServingConfig) -> int:
    """The last period in which a policy is not too old."""
    lineage = policy.lineage
    if config.max_age_periods is None or lineage is None or lineage.trained_until is None:
        return LAST
    return policy.actions.period(lineage.trained_until) + config.max_age_periods

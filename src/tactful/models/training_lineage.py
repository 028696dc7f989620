"""What a posterior remembers of the logs that it was trained on: which, by what model, and until when."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.metadata import version

from tactful.core.lineage import Lineage
from tactful.core.log import Log


def trained_on(log: Log, model: str, earlier: Lineage) -> Lineage:
    """The lineage of a posterior that has counted one more log; training ends where the latest of its logs ends."""
    until = None if log.decided_at is None or log.n == 0 else int(log.decided_at.max()) + 1
    split = log.part
    lineage = Lineage(
        log=log.fingerprint(),
        split_salt=split.salt if split else "",
        split_share=split.share if split else 0.0,
        trained_until=until,
        model=model,
        package=_package_version(),
    )
    return until_latest(lineage, earlier)


def until_latest(lineage: Lineage, shard: Lineage) -> Lineage:
    """The first lineage, with the later end of training: rows of either part are in-sample."""
    ends = [x.trained_until for x in (lineage, shard) if x.trained_until is not None]
    return replace(lineage, trained_until=max(ends, default=None))


@cache
def _package_version() -> str:
    """The version of tactful: looked up once, since that reads a file."""
    return version("tactful")

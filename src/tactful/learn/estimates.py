"""The estimators by name: what one side of an evaluation is put through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate
from tactful.errors import SpecError
from tactful.ope.estimators import dm, dr, ips, sndr, snips
from tactful.ope.slope import choose_clip, choose_shrink, choose_switch


class Rows(NamedTuple):
    """One side on the rows (n,) that know an outcome; ``user`` codes from 0, ``level`` that of widths."""

    reward: F64
    weight: F64
    q_logged: F64
    q_target: F64
    user: I64
    level: float


class Made(NamedTuple):
    """An estimate, with the parameter that SLOPE++ chose where it has one; then it trades bias for variance."""

    estimate: Estimate
    parameter: float | None = None
    biased: bool = False

    def less(self, other: Made) -> Made:
        """The paired difference of two sides."""
        return Made(self.estimate - other.estimate, None, self.biased or other.biased)


def _clipped(r: Rows) -> Made:
    chosen = choose_clip(r.reward, r.weight, r.user, level=r.level)
    return Made(chosen.estimate, chosen.parameter, biased=True)


def _switch(r: Rows) -> Made:
    chosen = choose_switch(r.reward, r.weight, r.q_logged, r.q_target, r.user, level=r.level)
    return Made(chosen.estimate, chosen.parameter, biased=True)


def _shrunk(r: Rows) -> Made:
    chosen = choose_shrink(r.reward, r.weight, r.q_logged, r.q_target, r.user, level=r.level)
    return Made(chosen.estimate, chosen.parameter, biased=True)


ESTIMATORS: Mapping[str, Callable[[Rows], Made]] = {
    "ips": lambda r: Made(ips(r.reward, r.weight)),
    "snips": lambda r: Made(snips(r.reward, r.weight)),
    "dm": lambda r: Made(dm(r.q_target, r.weight)),
    "dr": lambda r: Made(dr(r.reward, r.weight, r.q_logged, r.q_target)),
    "sndr": lambda r: Made(sndr(r.reward, r.weight, r.q_logged, r.q_target)),
    "clipped-ips": _clipped,
    "switch-dr": _switch,
    "dros": _shrunk,
}
DEFAULT = ("ips", "snips", "dm", "dr")


def check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if all are known.

    Raises
    ------
    SpecError
        A name that is no estimator, or none at all.
    """
    for name in names or ("",):
        if name not in ESTIMATORS:
            raise SpecError(
                f"unknown estimator {name!r}", "estimators", f"choose among {', '.join(ESTIMATORS)}, or all"
            )
    return tuple(dict.fromkeys(names))

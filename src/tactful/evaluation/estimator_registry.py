"""The estimators by name: what one side of an evaluation is put through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate
from tactful.errors import SpecError
from tactful.ope.estimators import dm, dr, ips, mips, sndr, snips
from tactful.ope.slope import choose_clip, choose_shrink, choose_switch

TRADES = "trades bias for variance; its interval leaves the bias out"
ALIKE = "takes the actions of a band for alike; its interval leaves the bias out"
CAVEATED = ("dm", "clipped-ips", "switch-dr", "dros", "mips")  # never better than weak; their description says why
BANDED = ("mips",)  # estimators whose weights are those of bands


class Rows(NamedTuple):
    """One side on the rows (n,) that know an outcome; ``user`` codes from 0, ``level`` that of widths.

    ``weight`` is that of actions, and that of bands for the estimators that are ``BANDED``.
    """

    reward: F64
    weight: F64
    q_logged: F64
    q_target: F64
    user: I64
    level: float


class Made(NamedTuple):
    """An estimate, with the parameter that SLOPE++ chose where it has one.

    ``caveat`` says what its interval leaves out; empty where it leaves nothing out.
    """

    estimate: Estimate
    parameter: float | None = None
    caveat: str = ""

    def less(self, other: Made) -> Made:
        """The paired difference of two sides."""
        return Made(self.estimate - other.estimate, None, self.caveat or other.caveat)


def _clipped(r: Rows) -> Made:
    chosen = choose_clip(r.reward, r.weight, r.user, level=r.level)
    return Made(chosen.estimate, chosen.parameter, TRADES)


def _switch(r: Rows) -> Made:
    chosen = choose_switch(r.reward, r.weight, r.q_logged, r.q_target, r.user, level=r.level)
    return Made(chosen.estimate, chosen.parameter, TRADES)


def _shrunk(r: Rows) -> Made:
    chosen = choose_shrink(r.reward, r.weight, r.q_logged, r.q_target, r.user, level=r.level)
    return Made(chosen.estimate, chosen.parameter, TRADES)


ESTIMATORS: Mapping[str, Callable[[Rows], Made]] = {
    "ips": lambda r: Made(ips(r.reward, r.weight)),
    "snips": lambda r: Made(snips(r.reward, r.weight)),
    "dm": lambda r: Made(dm(r.q_target, r.weight)),
    "dr": lambda r: Made(dr(r.reward, r.weight, r.q_logged, r.q_target)),
    "sndr": lambda r: Made(sndr(r.reward, r.weight, r.q_logged, r.q_target)),
    "clipped-ips": _clipped,
    "switch-dr": _switch,
    "dros": _shrunk,
    "mips": lambda r: Made(mips(r.reward, r.weight), None, ALIKE),
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

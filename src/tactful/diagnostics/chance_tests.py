"""The tests that rest on chance, and the part of the false-alarm rate that each of them has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tactful.core.log import Log
from tactful.diagnostics.calibration import find_miscalibration
from tactful.diagnostics.finding import Finding
from tactful.diagnostics.mean_weight import find_large_weights, find_wrong_mean_weight
from tactful.diagnostics.sample_ratio import find_sample_ratio_mismatch
from tactful.diagnostics.stability import find_policy_drift
from tactful.diagnostics.sticky_draws import find_sticky_draws
from tactful.diagnostics.survivorship import find_survivorship
from tactful.ope.reliability import WeightDiagnostics


class Subject(NamedTuple):
    """What is tested."""

    log: Log
    """All decisions."""
    sample: Log
    """As many of its users as suffice for tests of every row; all of them if the log is not large."""
    arm_shares: Mapping[str, float] | None
    """Share of users that each arm was meant to have, where it is known."""
    uniform: WeightDiagnostics | None
    """Weights of the uniform policy on all decisions; None without propensities."""


@dataclass(frozen=True, slots=True)
class ChanceTest:
    """One generator of findings."""

    codes: tuple[str, ...]
    """Codes of its findings that rest on chance."""
    parts: int
    """How many of the ``TESTS`` equal parts of ``FALSE_ALARM`` it may spend on sound logs."""
    find: Callable[[Subject], Iterator[Finding]]
    """Yields what it found."""


def _find_weight_faults(subject: Subject) -> Iterator[Finding]:
    """The mean weight over all decisions, and by action, segment and arm if that is right."""
    faults = [] if subject.uniform is None else list(find_wrong_mean_weight(subject.uniform))
    yield from faults or find_large_weights(subject.sample)


CHANCE_TESTS: Sequence[ChanceTest] = (
    ChanceTest(("propensities", "weights"), 2, _find_weight_faults),
    ChanceTest(("calibration", "overrides"), 1, lambda subject: find_miscalibration(subject.sample)),
    ChanceTest(("sticky",), 1, lambda subject: find_sticky_draws(subject.sample)),
    ChanceTest(("sample-ratio",), 1, lambda subject: find_sample_ratio_mismatch(subject.log, subject.arm_shares)),
    ChanceTest(("survivorship", "attrition"), 1, lambda subject: find_survivorship(subject.log)),
    ChanceTest(("policy-drift",), 1, lambda subject: find_policy_drift(subject.sample)),
)
"""In the order in which their findings are listed. The parts that no test has are spare, so that ``FALSE_ALARM`` is
kept where p-values of small samples are rough, and for tests to come. ``drift`` has a rate of its own."""

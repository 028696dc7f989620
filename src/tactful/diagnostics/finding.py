"""What a check finds, and how often a sound log may raise an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

FALSE_ALARM = 1e-3
"""Share of sound logs in which any test that rests on chance may raise an alarm."""
TESTS = 10
"""Into how many equal parts that share is divided; ``chance_tests.CHANCE_TESTS`` lists the tests and their parts."""
TEST_LEVEL = FALSE_ALARM / TESTS
"""Significance level of one part. A test divides it again over all segments, actions and periods it looks at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a reader of the log has to know.

    Examples
    --------
    >>> finding = Finding("warning", "30 users: intervals by user are rough below 40", "few-users")
    >>> finding.code, finding.p
    ('few-users', None)
    """

    level: Severity
    """An ``error`` makes answers wrong, a ``warning`` makes them weak, and a ``note`` explains."""
    what: str
    """One line: what was found, where, and what to do."""
    code: str
    """The name of the test; it does not change with the wording."""
    p: float | None = None
    """Bound on the probability that a sound log looks like this; None where no chance is involved."""

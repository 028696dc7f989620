"""What a gate says: promote, hold or refuse, with every claim behind it, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Word = Literal["promote", "hold", "refuse"]
Status = Literal["proven", "open", "refused"]
EXIT: Mapping[Word, int] = {"promote": 0, "hold": 3, "refuse": 4}
GAIN = "gain"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a promotion asserts: a ``gain`` above 0, or that a limit is kept.

    ``bound`` is the lower bound of the gain, or the upper one of what is limited by ``limit``; ``proven`` where it is
    on the right side. Asserted wrongly with probability ``delta`` at most, 0 for what is exact. ``other`` is the end of
    the gain's interval that nothing rests on, ``reference`` what the baseline earns, and ``periods`` what the gain
    spans. ``needed`` decisions in all would settle an open claim with probability .8, if they go on like those of the
    log; None where none would.
    """

    name: str
    status: Status
    value: float | None = None
    bound: float | None = None
    limit: float = 0.0
    delta: float = 0.0
    method: str = "exact"
    why: str = ""
    needed: int | None = None
    other: float | None = None
    reference: float | None = None
    periods: int = 1


@dataclass(frozen=True, slots=True)
class Judged:
    """One candidate: its word, the claims, and its mean sends per user and period beside those of logging."""

    name: str
    version: str
    verdict: Word
    why: str
    claims: Sequence[Claim] = ()
    sends: float = 0.0
    logged_sends: float = 0.0

    def claim(self, name: str) -> Claim:
        """The claim of that name."""
        return next(c for c in self.claims if c.name == name)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word on all candidates, and the sentence that says it.

    ``promoted`` is the version of the candidate with the largest lower bound among those that pass. ``spent`` is how
    much of δ this gate has used, ``left`` what remains of it for later gates on the same ``holdout``; ``looks`` says
    how often evaluations have shown this holdout before. ``again`` where the same question had been asked before.
    """

    verdict: Word
    sentence: str
    promoted: str | None
    candidates: Sequence[Judged]
    baseline: str
    n: int
    users: int
    delta: float
    spent: float
    left: float
    holdout: str = ""
    looks: int = 0
    again: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: Sequence[str] = ()

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 0 promote, 3 hold, 4 refuse."""
        return EXIT[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful gate --json`` prints."""
        return asdict(self) | {"exit_code": self.exit_code}

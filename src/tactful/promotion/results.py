"""What a gate says: promote, hold or refuse, with every claim behind it, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

VerdictWord = Literal["promote", "hold", "refuse"]
ClaimStatus = Literal["proven", "open", "refused"]
EXIT_CODES: Mapping[VerdictWord, int] = {"promote": 0, "hold": 3, "refuse": 4}
GAIN = "gain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing that a promotion asserts: that there is a gain, or that a limit is kept.

    Examples
    --------
    >>> claim = Claim(name="opted_out", status="proven", value=0.0049, bound=0.0060, limit=0.01, delta=0.025)
    >>> claim.bound <= claim.limit
    True
    """

    name: str
    """``gain``, the limited outcome, ``sends_per_period`` or ``slot_share`` with the slot."""
    status: ClaimStatus
    """``proven`` where the bound is on the right side, ``open`` where it is not, ``refused`` where there is none."""
    value: float | None = None
    """The estimate, per decision, or per user over ``periods``."""
    bound: float | None = None
    """Lower bound of the gain, or upper bound of what is limited."""
    limit: float = 0.0
    """What the bound is held against."""
    delta: float = 0.0
    """The probability with which the claim is proven wrongly, at most; 0 for what is exact."""
    method: str = "exact"
    """Of the bound: ``cluster-t``, ``betting``, ``sequential`` or ``exact``."""
    why: str = ""
    """The reason, where it is not proven."""
    needed: int | None = None
    """Decisions in all that would settle an open claim with probability .8, if they go on like those of the log; None
    where no number would."""
    other: float | None = None
    """Upper end of the gain's interval, on which nothing rests."""
    reference: float | None = None
    """What the baseline earns per decision, where the gain is of one step."""
    periods: int = 1
    """Periods that the gain spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateVerdict:
    """What the gate says of one candidate.

    Examples
    --------
    >>> gain = Claim(name="gain", status="open", why="the gain may be 0")
    >>> candidate = CandidateVerdict(name="policy", version="3f2a", verdict="hold", why=gain.why, claims=[gain])
    >>> candidate.claim("gain").status
    'open'
    """

    name: str
    """What it was called: its folder or name, else its version."""
    version: str
    """Of the policy."""
    verdict: VerdictWord
    """``promote`` where every claim is proven, ``refuse`` where one is refused, else ``hold``."""
    why: str
    """The claims that are refused, or open, with their reasons."""
    claims: Sequence[Claim] = ()
    """Empty where none was tested."""
    sends: float = 0.0
    """Mean sends per user and period."""
    logged_sends: float = 0.0
    """Those of the logging policy."""

    def claim(self, name: str) -> Claim:
        """The claim of that name."""
        return next(c for c in self.claims if c.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on all candidates, and the sentence that says it.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(1000, 4, seed=1).log
    >>> verdict = tt.gate(log, "uniform", objective=tt.Objective({"engaged": 1.0}), horizon=2)
    >>> verdict.verdict, [(claim.name, claim.status) for claim in verdict.candidates[0].claims]
    ('hold', [('gain', 'open')])
    >>> verdict.notes[-1]
    'no ledger is kept: this must be the only gate on this holdout'
    """

    verdict: VerdictWord
    """``promote`` where a candidate passes, else ``hold`` where one is held, else ``refuse``."""
    sentence: str
    """For people who ship products."""
    promoted: str | None
    """Version of the candidate with the largest lower bound of its gain among those that pass."""
    candidates: Sequence[CandidateVerdict]
    """Each candidate, once a version; empty where the log was refused."""
    baseline: str
    """What it was called."""
    n: int
    """Decisions that the gate rests on."""
    users: int
    """Users who made them."""
    delta: float
    """δ of all gates on the holdout together."""
    spent: float
    """How much of δ this gate has used."""
    left: float
    """What remains for later gates on the holdout."""
    holdout: str = ""
    """Salt and share of the split that held the users out, or ``whole log``."""
    looks: int = 0
    """How often evaluations have shown the holdout before."""
    again: bool = False
    """Whether the same question had been asked before: then it has the same answer, and nothing is spent."""
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """Rows that were not used, by reason."""
    notes: Sequence[str] = ()
    """What a reader should keep in mind."""
    unentered: str = ""
    """Why the ledger took no entry of this gate, which then promotes nothing; empty where nothing went wrong."""

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 0 promote, 3 hold, 4 refuse."""
        return EXIT_CODES[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful gate --json`` prints."""
        return asdict(self) | {"exit_code": self.exit_code}

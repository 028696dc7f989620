"""The decision log as typed arrays: one row a decision of (user, period)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, U64, Bool, Text
from tactful.core.draw import ONE, sticky
from tactful.core.outcomes import Limits, Objective, Outcome
from tactful.core.segments import Segments
from tactful.errors import LogError

CONTROL = "control"
Provenance = Literal["logged", "design", "estimated", "absent"]


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few distinct texts: ``code`` (n,) points into ``names``.

    >>> Coded(np.array([0, 1, 1]), ("policy", "control")).equals("control").tolist()
    [False, True, True]
    """

    code: I64
    names: tuple[str, ...]

    @classmethod
    def constant(cls, name: str, n: int) -> Coded:
        """The same text in all n rows."""
        return cls(np.zeros(n, np.int64), (name,))

    def take(self, rows: I64 | Bool) -> Coded:
        """The chosen rows."""
        return Coded(self.code[rows], self.names)

    def equals(self, name: str) -> Bool:
        """(n,) where the text is ``name``."""
        if name not in self.names:
            return np.zeros(self.code.size, np.bool_)
        return self.code == self.names.index(name)


@dataclass(frozen=True, slots=True)
class Measured:
    """One outcome of every row.

    ``value`` (n,) is NaN where unknown; ``trials`` (n,) goes with counts out of trials; ``mature`` (n,) says whether
    the decision is at least as old as the window, whatever arrived.

    >>> Measured(Outcome("engaged", "binary"), np.array([1.0, np.nan]), np.array([True, False])).known.tolist()
    [True, False]
    """

    spec: Outcome
    value: F64
    mature: Bool
    trials: F64 | None = None

    @property
    def known(self) -> Bool:
        """(n,) rows whose value may be used."""
        return ~np.isnan(self.value)

    def take(self, rows: I64 | Bool) -> Measured:
        """The chosen rows."""
        trials = None if self.trials is None else self.trials[rows]
        return Measured(self.spec, self.value[rows], self.mature[rows], trials)


@dataclass(frozen=True, slots=True)
class Split:
    """Which users a part of a log holds: a keyed ``share`` of them is held out of fitting."""

    salt: str
    share: float
    held_out: bool = False

    def holds_out(self, user_key: U64) -> Bool:
        """(u,) whether each user belongs to the held-out share; sticky, by the key alone."""
        return sticky(user_key, f"split:{self.salt}") < np.uint64(round(self.share * ONE))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Log:
    """n decisions of u users over k actions, as columns; arrays are never written to.

    Users are compared by the text of their identifiers. What may be absent is None. Logs are usually read
    (``read_log``) or simulated; by hand a log of two decisions is

    >>> from tactful.core.draw import user_keys
    >>> ids = np.array(["u-1", "u-2"], object)
    >>> log = Log(
    ...     actions=ActionSpace.named(["none", "send"]),
    ...     segments=Segments.of([]),
    ...     user=np.array([0, 1]),
    ...     user_ids=ids,
    ...     user_key=user_keys(ids),
    ...     period=np.array([2900, 2900]),
    ...     segment=np.array([0, 0]),
    ...     action=np.array([1, 0]),
    ...     arm=Coded.constant("policy", 2),
    ...     policy=Coded.constant("", 2),
    ...     scope=Coded.constant("", 2),
    ...     outcomes={"engaged": Measured(Outcome("engaged", "binary"), np.array([1.0, 0.0]), np.ones(2, bool))},
    ...     propensity=np.array([0.5, 0.5]),
    ...     provenance="logged",
    ... )
    >>> log.n, log.users, log.reward(Objective({"engaged": 2.0})).tolist()
    (2, 2, [2.0, 0.0])
    """

    actions: ActionSpace
    """The k actions that could be chosen."""
    segments: Segments
    """The segment tree."""
    user: I64
    """(n,) codes from 0 into ``user_ids``."""
    user_ids: Text
    """(u,) identifiers of the users, as text."""
    user_key: U64
    """(u,) hash of each identifier; draws, splits and folds are keyed by it."""
    period: I64
    """(n,) index of the period of each decision."""
    segment: I64
    """(n,) node of the segment tree."""
    action: I64
    """(n,) the action that was drawn, whatever was delivered later."""
    arm: Coded
    """(n,) arm of the experiment; propensities hold given the arm."""
    policy: Coded
    """(n,) version of the logging policy."""
    scope: Coded
    """(n,) campaign or channel."""
    outcomes: Mapping[str, Measured]
    """What came of the decisions, by the name of the outcome."""
    decided_at: I64 | None = None
    """(n,) time of each decision, in µs UTC."""
    propensity: F64 | None = None
    """(n,) probability with which the action was drawn, given the arm."""
    propensities: F64 | None = None
    """(n, k) the whole served pmf."""
    eligible: Bool | None = None
    """(n, k) actions that could be drawn; absent means all."""
    context: F64 | None = None
    """(n, d) features of the context."""
    context_names: tuple[str, ...] = ()
    """The d names of the features, without ``x_``."""
    fallback: Coded | None = None
    """(n,) why a fallback was served; empty where none was."""
    as_of: int | None = None
    """The moment, in µs UTC, at which maturity is judged."""
    provenance: Provenance = "absent"
    """Where propensities come from."""
    objective: Objective = field(default_factory=lambda: Objective({}))
    """The reward of the specification that the log was read with."""
    limits: Limits = field(default_factory=Limits)
    """The limits of that specification."""
    part: Split | None = None
    """Which users this log holds, where it is one part of a split."""
    left_out: tuple[tuple[str, int], ...] = ()
    """Rows of the file that are not here: (reason, count)."""
    notes: tuple[str, ...] = ()
    """How the file was read, in sentences, where that is not plain."""

    @property
    def n(self) -> int:
        """The number of decisions."""
        return self.action.size

    @property
    def users(self) -> int:
        """The number of users who have a decision here."""
        return int(np.count_nonzero(np.bincount(self.user, minlength=1)))

    def take(self, rows: I64 | Bool) -> Log:
        """The chosen rows; users, segments and actions keep their codes."""
        return replace(
            self,
            user=self.user[rows],
            period=self.period[rows],
            segment=self.segment[rows],
            action=self.action[rows],
            arm=self.arm.take(rows),
            policy=self.policy.take(rows),
            scope=self.scope.take(rows),
            outcomes={o: m.take(rows) for o, m in self.outcomes.items()},
            decided_at=None if self.decided_at is None else self.decided_at[rows],
            propensity=None if self.propensity is None else self.propensity[rows],
            propensities=None if self.propensities is None else self.propensities[rows],
            eligible=None if self.eligible is None else self.eligible[rows],
            context=None if self.context is None else self.context[rows],
            fallback=None if self.fallback is None else self.fallback.take(rows),
        )

    def split(self, users: float = 0.3, salt: str = "split") -> tuple[Log, Log]:
        """Two logs, to fit on and to evaluate on; a keyed share ``users`` of the users goes to the second.

        The same salt and share give the same users in any log.

        Raises
        ------
        LogError
            The share is not in (0, 1), or the log is itself a part of a split.
        """
        if not 0 < users < 1:
            raise LogError(f"a share of {users} cannot be split off", "split", "choose a share between 0 and 1")
        if self.part is not None:
            raise LogError("this log is already one part of a split", "split", "split the whole log once")
        part = Split(salt, users)
        out = part.holds_out(self.user_key)[self.user]
        return replace(self.take(~out), part=part), replace(self.take(out), part=replace(part, held_out=True))

    def known(self, outcomes: tuple[str, ...]) -> Bool:
        """(n,) rows where all of these outcomes are known."""
        rows = np.ones(self.n, np.bool_)
        for o in outcomes:
            rows &= self.outcomes[o].known
        return rows

    def missing(self, outcomes: tuple[str, ...]) -> Bool:
        """(n,) rows that are past the window of one of these outcomes and still do not know it."""
        rows = np.zeros(self.n, np.bool_)
        for o in outcomes:
            rows |= self.outcomes[o].mature & ~self.outcomes[o].known
        return rows

    def reward(self, objective: Objective) -> F64:
        """(n,) the objective of each row; NaN where an outcome is unknown."""
        return objective.combine({o: m.value for o, m in self.outcomes.items()})

    def fingerprint(self) -> str:
        """sha256 of all that is known of the decisions, 16 hexadecimal digits.

        It does not depend on how the file was stored, and does on the order of its rows.
        """
        digest = sha256(repr((self.actions.names, self.segments.paths, self.n)).encode())
        arrays = [self.user_key[self.user], self.period, self.segment, self.action]
        arrays += [self.arm.code, *(m.value for m in self.outcomes.values())]
        optional = (self.decided_at, self.propensity, self.propensities, self.eligible, self.context)
        arrays += [a for a in (*optional, *(m.trials for m in self.outcomes.values())) if a is not None]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

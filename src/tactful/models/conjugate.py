"""Conjugate posteriors per (segment, action) and outcome, with empirical-Bayes priors up the segment tree.

Rates are Beta–Binomial, counts Gamma–Poisson, real outcomes Gaussian; a count out of trials is a rate times
the mean number of trials of its action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.models.families import Family, family
from tactful.models.sums import Sums, up
from tactful.models.tree import Cells, shrink
from tactful.policies.base import Lineage


@dataclass(frozen=True, slots=True)
class Conjugate:
    """Separate conjugate cells that borrow strength from their parent segment.

    ``dispersion`` divides the sums by the variance inflation that repeating users cause.

    Examples
    --------
    >>> Conjugate().name
    'conjugate'
    """

    dispersion: bool = True

    @property
    def name(self) -> str:
        """The name on the command line."""
        return "conjugate"

    def fit(self, log: Log) -> ConjugatePosterior:
        """The posterior given every mature, known outcome of ``log``; cost O(n log n) for the grouping by user.

        Raises
        ------
        LogError
            The log has no outcome.
        """
        if not log.outcomes:
            raise LogError("no outcome to learn from", "[outcomes]", "name at least one")
        s, k = len(log.segments), log.actions.k
        specs = {o: m.spec for o, m in log.outcomes.items()}
        start = ConjugatePosterior(
            self, log.actions, log.segments, specs, {o: Sums.empty(s, k) for o in specs}, {}, Lineage()
        )
        return start.update(log)


EVER: int = -(1 << 62)  # a time before any decision


class _Fitted(NamedTuple):
    family: Family
    cells: Cells
    per_decision: F64
    dispersion: float


@dataclass(frozen=True)
class ConjugatePosterior:
    """Sums, and what follows from them; frozen: ``update`` and ``merge`` return another.

    ``watermarks`` holds, for each outcome, the newest decision time (µs UTC) that has been counted.
    """

    model: Conjugate
    actions: ActionSpace
    segments: Segments
    outcomes: Mapping[str, Outcome]
    sums: Mapping[str, Sums]
    watermarks: Mapping[str, int]
    lineage: Lineage

    def update(self, log: Log) -> ConjugatePosterior:
        """The posterior after the rows of ``log`` whose outcomes have matured since the last time.

        A row counts for an outcome once: when decided after the outcome's watermark and mature now. Rows older
        than the watermark are taken as counted; a log without times counts whole.

        Raises
        ------
        LogError
            The log has other actions or outcomes.
        """
        if log.actions.names != self.actions.names or dict(log.outcomes).keys() != dict(self.outcomes).keys():
            raise LogError("other actions or outcomes than the posterior was fitted on", do="use the same spec")
        grown = self._on(self.segments.union(log.segments))
        log = replace(log, segments=grown.segments, segment=_nodes(log, grown.segments))
        sums, marks = dict(grown.sums), dict(self.watermarks)
        for o, measured in log.outcomes.items():
            rows = measured.known & _after(log, marks.get(o))
            sums[o] = sums[o].plus(Sums.of(log, o, rows))
            if log.as_of is not None and log.decided_at is not None:
                marks[o] = max(log.as_of - measured.spec.window_us, marks.get(o, EVER))
        return replace(grown, sums=sums, watermarks=marks, lineage=_lineage(self, log))

    def merge(self, other: ConjugatePosterior) -> ConjugatePosterior:
        """The posterior of two disjoint shards of users; with sums by user, exactly that of the whole.

        Raises
        ------
        LogError
            Other actions or outcomes, or shards read as of different times.
        """
        if other.actions.names != self.actions.names or dict(other.outcomes) != dict(self.outcomes):
            raise LogError("shards with other actions or outcomes", "merge", "fit all shards with one spec")
        if dict(other.watermarks) != dict(self.watermarks):
            raise LogError("shards read as of different times", "merge", "set [log] as_of to one date for all")
        segments = self.segments.union(other.segments)
        a, b = self._on(segments), other._on(segments)
        sums = {o: a.sums[o].plus(b.sums[o]) for o in a.sums}
        return replace(a, sums=sums)

    @property
    def decisions(self) -> F64:
        """(s,) decisions that were counted at each node itself."""
        return np.max([x.n.sum(1) for x in self.sums.values()], axis=0)

    def counted(self, outcome: str) -> F64:
        """(s, k) decisions whose outcome was counted, at each node itself."""
        return self.sums[outcome].n

    def mean(self, outcome: str) -> F64:
        """(s, k) posterior mean per decision."""
        fit = self._fitted[outcome]
        return fit.cells.mean * fit.per_decision

    def sd(self, outcome: str) -> F64:
        """(s, k) posterior standard deviation of the mean per decision."""
        fit = self._fitted[outcome]
        return np.sqrt(fit.family.variance(fit.cells.mean, fit.cells.strength)) * fit.per_decision

    def strength(self, outcome: str) -> F64:
        """(s, k) effective sample size behind the mean, prior included, after the dispersion."""
        return self._fitted[outcome].cells.strength

    def dispersion(self, outcome: str) -> float:
        """The factor by which repeating users inflate the variance; 1 for independent rows."""
        return self._fitted[outcome].dispersion

    def draws(self, outcome: str, m: int, seed: int) -> F64:
        """(m, s, k) draws of the mean per decision; a pure function of the seed."""
        fit = self._fitted[outcome]
        out = np.empty((m, fit.cells.mean.size))
        stream = tuple(self.outcomes).index(outcome)
        fit.family.draws(fit.cells.mean.ravel(), fit.cells.strength.ravel(), seed, stream, out)
        return out.reshape(m, *fit.cells.mean.shape) * fit.per_decision

    @cached_property
    def _fitted(self) -> dict[str, _Fitted]:
        return {o: self._fit(o) for o in self.outcomes}

    def _fit(self, outcome: str) -> _Fitted:
        spec, sums = self.outcomes[outcome], self.sums[outcome]
        scale = sums.dispersion(spec) if self.model.dispersion else 1.0
        kind = family(spec, _noise(sums))
        cells = shrink(kind, sums.y / scale, sums.t / scale, self.segments)
        trials = _trials(sums, self.segments, self.actions) if spec.has_trials else np.ones_like(sums.t)
        return _Fitted(kind, cells, trials, scale)

    def _on(self, segments: Segments) -> ConjugatePosterior:
        """The same posterior over a larger tree."""
        if segments.paths == self.segments.paths:
            return self
        to, s = segments.locate(self.segments), len(segments)
        sums = {o: x.moved(to, s) for o, x in self.sums.items()}
        return replace(self, segments=segments, sums=sums)


def _after(log: Log, mark: int | None) -> Bool:
    if mark is None or log.decided_at is None:
        return np.ones(log.n, np.bool_)
    return log.decided_at > mark


def _nodes(log: Log, segments: Segments) -> I64:
    return segments.locate(log.segments)[log.segment]


def _noise(sums: Sums) -> float:
    """Pooled variance of one observation within cells."""
    within = float(np.sum(sums.yy - sums.y**2 / np.maximum(sums.n, 1)))
    free = float(sums.n.sum() - np.count_nonzero(sums.n))
    return within / free if within > 0 and free > 0 else 1.0


def _trials(sums: Sums, segments: Segments, actions: ActionSpace) -> F64:
    """(s, k) mean trials per decision, each node shrunk to its parent by one decision; 0 for ``none``."""
    n, t = up(sums.n, segments.parents), up(sums.t, segments.parents)
    overall = t[0].sum() / max(n[0].sum(), 1.0)
    prior = np.array([overall if f is None else float(f) for f in actions.frequencies])
    mean = np.empty_like(t)
    for node, above in enumerate(segments.parents):
        mean[node] = ((prior if above < 0 else mean[above]) + t[node]) / (1 + n[node])
    mean[:, [f == 0 for f in actions.frequencies]] = 0.0
    return mean


def _lineage(before: ConjugatePosterior, log: Log) -> Lineage:
    until = None if log.decided_at is None or log.n == 0 else int(log.decided_at.max()) + 1
    earlier = before.lineage.trained_until
    if until is not None and earlier is not None:
        until = max(until, earlier)
    part = log.part
    return Lineage(
        log=log.fingerprint(),
        split_salt=part.salt if part else "",
        split_share=part.share if part else 0.0,
        trained_until=until,
        model=before.model.name,
        package=version("tactful"),
    )

"""The report of a log: is it sound, what would a policy earn, how sure is that, and what do fewer opt-outs cost?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tactful.diagnostics.check import Check
from tactful.evaluation.overlap import Overlap
from tactful.evaluation.results import Evaluation
from tactful.planning.frontier import Frontier
from tactful.report.canvas import svg
from tactful.report.estimate_figure import estimates_figure
from tactful.report.frontier_figure import frontier_figure
from tactful.report.html_page import Picture, Section, estimates_table, listed, page, plain_table
from tactful.report.weight_figure import reach_figure, weights_figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportParts:
    """What a report is made of."""

    name: str
    """Name of the log."""
    policy: str
    """Name of the target policy."""
    baseline: str
    """Name of the baseline policy."""
    check: Check
    """What the log can say."""
    result: Evaluation
    """The estimates."""
    overlap: Overlap
    """How far policies are from what was logged."""
    frontier: Frontier | None = None
    """Value against opt-outs, for a family of prices."""
    limit: float | None = None
    """The limit on opt-outs, drawn into the frontier."""
    remarks: Sequence[str] = ()
    """Sentences below the frontier."""


def report(of: ReportParts) -> str:
    """The page: equal input gives equal bytes.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    c = of.check
    lead = (
        f"{c.n:,} decisions of {c.users:,} users over {c.periods:,} periods; {c.actions} actions, "
        f"{c.segments:,} segments; propensities {c.propensities_are}"
    )
    return page(f"{of.policy} against {of.baseline}: {of.name}", lead, _sections(of))


def _sections(of: ReportParts) -> Iterator[Section]:
    result = of.result
    left = [f"left out: {count:,} rows ({reason})" for reason, count in result.left_out.items()]
    told = f"{result.n:,} decisions of {result.users:,} users; intervals of {100 * result.level:g} % by user"
    drawn = estimates_figure(result, of.policy, of.baseline)
    caption = "Filled: the verdict is ok. Hollow: the interval leaves something out, and the table says what."
    table = estimates_table(result, of.policy, of.baseline)
    yield Section(
        "What it would earn", [Picture(svg(drawn), caption)], [*of.remarks, told, *left, *result.notes], table
    )
    reach, weights = reach_figure(of.overlap, of.policy), weights_figure(of.overlap, of.policy)
    yield Section(
        "How far the log reaches",
        [
            Picture(svg(reach), "The further a policy is from what was logged, the fewer decisions speak of it."),
            Picture(svg(weights), "A few decisions of large weight carry an estimate when the bars and the line part."),
        ],
    )
    if of.frontier is not None:
        yield _price(of.frontier, of.limit)
    yield _health(of.check)


def _price(found: Frontier, limit: float | None) -> Section:
    words = (
        f"One policy a price of {found.cost}, learnt on half of the users and evaluated on the other half by "
        f"{found.estimator}. Numbers are prices; crosses are intervals."
    )
    return Section(f"What fewer {found.cost} cost", [Picture(svg(frontier_figure(found, limit)), words)])


def _health(check: Check) -> Section:
    rows = [
        (
            o.name,
            o.kind,
            f"{o.known:,}",
            f"{o.immature:,}",
            f"{o.missing:,}",
            "–" if o.mean is None else f"{o.mean:.4g}",
        )
        for o in check.outcomes
    ]
    table = plain_table(["outcome", "kind", "known", "immature", "missing", "mean per decision"], rows)
    found = [f"{f.level}: {f.what}" for f in check.findings] or ["nothing to complain of"]
    asked = [f"can: {text}" for text in check.can] + [f"cannot: {text}" for text in check.cannot]
    return Section("Is the log sound?", said=(), body=listed([*found, *asked]) + table)

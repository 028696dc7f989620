"""The tables of an evaluation that people read: what decides first, the rest when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tactful.cli import console as show
from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE
from tactful.evaluation.estimator_registry import CAVEATED
from tactful.evaluation.results import EstimateRow, Evaluation, SequentialEvaluation
from tactful.evaluation.target_policies import LOGGING, TargetPolicy

ROLES = ("target", "baseline", "difference")


def print_evaluation(
    result: Evaluation, policy: str, baseline: str, limited: Sequence[str] = (), *, everything: bool = False
) -> None:
    """The difference of what is wanted and limited; each outcome of each side; the horizon; reasons and notes."""
    method = "intervals by user (cluster-t)"
    show.line(f"{result.n:,} decisions of {result.users:,} users; {100 * result.level:g} % {method}")
    for reason, count in result.left_out.items():
        show.line(f"left out: {count:,} rows ({reason})")
    outcomes = sorted(dict.fromkeys(e.outcome for e in result.estimates), key=lambda o: o != OBJECTIVE)
    key = [o for o in outcomes if o == OBJECTIVE or o in limited] or outcomes
    label = f" ({result.label})" if result.label else ""
    title = f"Difference, {policy} less {baseline}, per decision{label}"
    if everything:
        _everything(result, policy, baseline, title)
    else:
        rows = [e for e in result.estimates if e.policy == "difference" and e.outcome in key]
        rows.sort(key=lambda e: (e.outcome != OBJECTIVE, e.outcome))
        columns = ["outcome", "estimator", "difference", "ESS", "verdict"]
        show.table(
            title, columns, [(e.outcome, e.estimator, with_value(e), f"{e.ess:,.0f}", e.verdict) for e in rows], 2
        )
        _sides(f"Each outcome per decision, by {{}}{label}", result.estimates, outcomes, policy, baseline)
    if result.intervals:
        print_intervals(result)
    for why, where in reasons(result).items():
        show.line(f"{why} ({where})")
    for note in result.notes:
        show.line(f"note: {note}")
    if result.sequential is not None:
        show.line()
        print_sequential(result.sequential, policy, baseline, None if everything else key)
    if not everything:
        show.line("--all prints every outcome by every estimator, by segment and by period")


def _sides(title: str, entries: Sequence[EstimateRow], outcomes: Sequence[str], policy: str, baseline: str) -> None:
    """One row an outcome: both sides and the difference, by the one estimator that people look at."""
    made = list(dict.fromkeys(e.estimator for e in entries))
    name = "snips" if "snips" in made else made[0]
    by = {(e.policy, e.outcome): e for e in entries if e.estimator == name}
    rows = [
        (o, *(with_value(by[role, o]) for role in ROLES), f"{by['target', o].ess:,.0f}", by["difference", o].verdict)
        for o in outcomes
    ]
    show.table(title.format(name), ["outcome", policy, baseline, "difference", "ESS", "verdict"], rows)


def _everything(result: Evaluation, policy: str, baseline: str, title: str) -> None:
    titles = {"difference": title, "target": f"{policy}, per decision", "baseline": f"{baseline}, per decision"}
    columns = ["outcome", "estimator", "value", "ESS", "max weight", "mean weight", "verdict"]
    for role, title in titles.items():
        # What logging earned is a mean: every estimator gives the same.
        same = role == "baseline" and result.baseline == LOGGING
        mine = [e for e in result.estimates if e.policy == role]
        rows = [e for e in mine if e.estimator == mine[0].estimator] if same else mine
        show.table(title, columns, map(_row, rows), 2)
    for what, parts in (("segment", result.by_segment), ("period", result.by_period)):
        if parts:
            _parts(what, parts, policy, baseline)


def _parts(
    what: str, parts: Mapping[str, Sequence[EstimateRow]] | Mapping[int, Sequence[EstimateRow]], *names: str
) -> None:
    """One row a part, outcome and estimator, estimated anew within the part."""
    rows: list[tuple[str, ...]] = []
    for part, entries in parts.items():
        by = {(e.policy, e.outcome, e.estimator): e for e in entries}
        for _, outcome, estimator in dict.fromkeys(("", e.outcome, e.estimator) for e in entries):
            target, base, gain = (by[role, outcome, estimator] for role in ROLES)
            rows.append((str(part), outcome, estimator, _plain(target), _plain(base), with_value(gain), gain.verdict))
    show.table(f"By {what}, per decision", [what, "outcome", "estimator", *names, "difference", "verdict"], rows, 3)


def print_sequential(result: SequentialEvaluation, policy: str, baseline: str, key: Sequence[str] | None) -> None:
    """Both sides and their difference per user over the horizon, and what the state's test says."""
    by = {(e.policy, e.outcome, e.estimator): e for e in result.estimates}
    pairs = dict.fromkeys((e.outcome, e.estimator) for e in result.estimates if key is None or e.outcome in key)
    rows: list[tuple[str, ...]] = []
    for outcome, estimator in pairs:
        target, base, gain = (by[role, outcome, estimator] for role in ROLES)
        sides = _plain(target), _plain(base)
        rows.append((outcome, estimator, *sides, with_value(gain), f"{gain.ess:,.0f}", gain.verdict))
    rows.sort(key=lambda row: row[0] != OBJECTIVE)
    show.table(
        f"Per user over {result.horizon} periods, {result.users:,} users; state: {result.state} ({result.states})",
        ["outcome", "estimator", policy, baseline, "difference", "ESS", "verdict"],
        rows,
        2,
    )
    for reason, count in result.left_out.items():
        show.line(f"left out: {count:,} {reason}")
    tests = ", ".join(
        f"{o} {'< .0001' if p < 1e-4 else f'{p:.4f}'}" for o, p in result.markov.items() if key is None or o in key
    )
    show.line(f"Markov test of the state, p-values (below .05 mis is weak): {tests}")
    shown = [e for e in result.estimates if key is None or e.outcome in key]
    for why, where in _reasons(shown, result.estimates).items():
        show.line(f"{why} ({where})")
    for note in result.notes:
        show.line(f"note: {note}")


def print_intervals(result: Evaluation) -> None:
    """Every further interval with what its level rests on, or why there is none."""
    show.table(
        f"Other {100 * result.level:g} % intervals",
        ["policy", "outcome", "estimator", "interval", "low", "high", "valid"],
        [
            (
                x.policy,
                x.outcome,
                x.estimator,
                x.interval,
                show.number(x.low),
                show.number(x.high),
                x.why or x.valid_for,
            )
            for x in result.intervals
        ],
        4,
    )


def reasons(result: Evaluation) -> dict[str, str]:
    """Why entries are not ``ok``, each reason once, with where it holds."""
    shown = [e for e in result.estimates if e.estimator not in CAVEATED or e.verdict == "refused"]
    return _reasons(shown, result.estimates)


def _reasons(shown: Iterable[EstimateRow], of: Iterable[EstimateRow]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for e in shown:
        if e.why and e.policy != "difference":
            found.setdefault(f"{e.verdict}: {e.why}", {})[f"{e.policy} {e.outcome}"] = None
    everywhere = 2 * len({e.outcome for e in of})
    return {why: "all" if len(at) == everywhere else ", ".join(at) for why, at in found.items()}


def _row(e: EstimateRow) -> tuple[str, ...]:
    value = with_value(e)
    return e.outcome, e.estimator, value, f"{e.ess:,.0f}", f"{e.max_weight:.2f}", f"{e.mean_weight:.3f}", e.verdict


def _plain(e: EstimateRow) -> str:
    """The value alone."""
    return show.number(e.value, _digits(e))


def _digits(e: EstimateRow) -> int:
    return 5 if e.value is not None and abs(e.value) < 0.1 else 4


def with_value(e: EstimateRow) -> str:
    """The value with its interval, in as many digits as its size wants."""
    return show.with_interval(e.value, e.low, e.high, _digits(e))


def draw(folder: Path, log: Log, result: Evaluation, policies: Mapping[str, TargetPolicy]) -> list[Path]:
    """Pictures of an evaluation in a folder."""
    from tactful.report.evaluation_figures import pictures  # matplotlib is loaded by who asks for pictures

    folder.mkdir(parents=True, exist_ok=True)
    return pictures(folder, log, result, policies)

"""``tactful demo``: the whole loop on a simulated quarter, with the truth beside every estimate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from tactful.cli import console as show
from tactful.cli.beside import Beside, check_store
from tactful.cli.estimate_table import with_value
from tactful.cli.options import Json, Seed
from tactful.cli.record import draw_cadences, leaf_nodes, record_whole
from tactful.core.arrays import F64, Bool
from tactful.core.files import replacing
from tactful.core.log import Log, Split
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.diagnostics.check import Check, check
from tactful.errors import SpecError
from tactful.evaluation.evaluate import evaluate
from tactful.evaluation.results import EstimateRow, Evaluation, Role
from tactful.evaluation.target_policies import empirical
from tactful.frames.decisions import decide, users_of, write_decisions
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.write import write_log
from tactful.models.hierarchical.posterior import Hierarchical, HierarchicalPosterior
from tactful.optimisation.node_population import expected
from tactful.optimisation.population import SENDS
from tactful.optimisation.publish import node_pmf, publish
from tactful.policies.artifact import save
from tactful.policies.protocol import Published
from tactful.simulate.simulated import Simulated
from tactful.simulate.status_quo import StatusQuo
from tactful.simulate.value import Figure
from tactful.simulate.world import World
from tactful.simulate.world_config import lively
from tactful.simulate.world_spec import world_spec
from tactful.tracking.mlflow_run import default_uri

SPLIT = Split("demo", 0.5)
ESTIMATOR = "snips"
CERTAIN, FEW_USERS = 0.95, 20_000  # with fewer users a limit on rare opt-outs can be kept in the median alone
OUTCOMES = (OBJECTIVE, "engaged", "opted_out")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


class LongRun(NamedTuple):
    """Expected figures of half a year, per user and week, in the world itself; differences are paired."""

    weeks: int
    users: int
    sessions: tuple[float, float]
    gain: Figure
    opted_out: tuple[float, float]


class Demo(NamedTuple):
    """What the demo made."""

    log: Log
    found: Check
    posterior: HierarchicalPosterior
    policy: Published
    result: Evaluation
    truth: dict[str, tuple[float, float]]
    later: LongRun
    certainty: float
    decisions: int
    period: int
    run: str | None
    seconds: float


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = Path("demo"),
    users: Annotated[int, typer.Option(help="Simulated users.", min=2000)] = 50_000,
    periods: Annotated[int, typer.Option(help="Simulated weeks.", min=2)] = 13,
    seed: Seed = 1,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store; a file in --out by default.")] = None,
    json: Json = False,
) -> None:
    """The whole loop on a simulated quarter: log, policy, evidence, decisions, and an MLflow run that holds them.

    Example: tactful demo --out demo
    """
    check_store(tracking_uri)
    beside = Beside()
    made = run(out, users, periods, seed, tracking_uri or default_uri(out), beside, json)
    if json:
        show.emit(_plain(out, made) | beside.to_json())
    else:
        _print(out, made)
    beside.close()


def run(out: Path, users: int, periods: int, seed: int, uri: str, beside: Beside, quiet: bool = False) -> Demo:
    """Everything that the demo does; each step is one public call."""
    start = time.perf_counter()
    if out.exists() and not out.is_dir():
        raise SpecError("a file is there", str(out), "name a folder")
    out.mkdir(parents=True, exist_ok=True)
    with show.progress("simulating a quarter", quiet) as step:
        world = World(lively())
        simulated = world.simulate(users, periods, seed=seed, progress=step)
    with show.working("learning and evaluating", quiet):
        write_log(simulated.log, out / "log.parquet")
        with replacing(out / "spec.toml") as part:
            part.write_text(world_spec(world.config, simulated.log.as_of), encoding="utf-8")
        spec = LogSpec.from_toml(out / "spec.toml")
        log = read_log(out / "log.parquet", spec)
        found = check(log)
        train, held = log.split(SPLIT.share, SPLIT.salt)
        posterior = Hierarchical().fit(train)
        certainty = CERTAIN if users >= FEW_USERS else 0.5
        policy = publish(posterior, spec.objective, spec.limits, seed=seed, certainty=certainty)
        save(policy, out / "policy")
        result = evaluate(held, policy, "logging")
        truth = one_step_truth(simulated, policy, SPLIT.holds_out(log.user_key)[log.user])
        later = long_run(world, policy, seed, users)
        period = int(log.period.max()) + 1
        decisions = decide(policy, users_of(log), period)
        write_decisions(decisions, out / "decisions.parquet")
        figure = out / "cadence.png"
        beside.keep(
            "the figure cadence.png", lambda: draw_cadences(policy, figure, _figures(posterior, policy)), needed=True
        )
    with show.working("recording in MLflow", quiet):
        options = {"model": "hierarchical", "users_simulated": users, "periods": periods, "seed": seed}
        recorded = beside.record(uri, lambda: record_whole(uri, log, policy, out / "policy", result, options))
    seconds = time.perf_counter() - start
    return Demo(
        log, found, posterior, policy, result, truth, later, certainty, decisions.height, period, recorded, seconds
    )


def one_step_truth(simulated: Simulated, policy: Published, rows: Bool) -> dict[str, tuple[float, float]]:
    """Expected value per decision of (the policy, logging) in the states of the chosen rows, for every outcome."""
    log = simulated.log
    if log.propensities is None:
        raise SpecError("the simulated log has no propensity vectors", "simulate", "simulate it again")
    served = node_pmf(policy)[policy.segments.locate(log.segments)[log.segment]]

    def value(pmf: F64, outcome: str | Objective) -> float:
        return float(simulated.value(pmf, outcome)[rows].mean())

    asked: dict[str, str | Objective] = {o: o for o in log.outcomes}
    if policy.objective:
        asked[OBJECTIVE] = policy.objective
    return {name: (value(served, o), value(log.propensities, o)) for name, o in asked.items()}


def long_run(world: World, policy: Published, seed: int, seen: int, users: int = 10_000, weeks: int = 26) -> LongRun:
    """The world's own truth when ``policy`` or the logging policy decides every week, for users beyond the ``seen``."""
    people = world.people(users, seed=seed, first_user=seen, warm=False)
    plans = (policy, StatusQuo(world.actions, world.segments))
    ours, theirs = (world.value(plan, 7 * weeks, people, seed=seed) for plan in plans)
    sessions, lost = ([v.mean(m).value for v in (ours, theirs)] for m in ("expected_sessions", "expected_opt_outs"))
    gain = ours.minus(theirs, "expected_sessions")
    return LongRun(
        weeks,
        users,
        (sessions[0] / weeks, sessions[1] / weeks),
        Figure(gain.value / weeks, gain.se / weeks),
        (lost[0], lost[1]),
    )


def _figures(posterior: HierarchicalPosterior, policy: Published) -> dict[str, Any]:
    by_node = _by_node(posterior, policy)
    return {"opted_out": by_node["opted_out"], "engaged": by_node["engaged"]}


def _by_node(posterior: HierarchicalPosterior, policy: Published) -> dict[str, Any]:
    assert policy.objective is not None  # noqa: S101 - publish has just set it
    return expected(posterior, policy.objective, node_pmf(policy))


def _plain(out: Path, made: Demo) -> dict[str, Any]:
    return {
        "out": str(out),
        "n": made.log.n,
        "users": made.log.users,
        "policy": made.policy.version,
        "expected": dict(made.policy.expected),
        "segments": [row._asdict() for row in _rows(made)],
        "evaluation": made.result.to_json(),
        "truth": {o: {"target": t, "baseline": b, "difference": t - b} for o, (t, b) in made.truth.items()},
        "certainty": made.certainty,
        "long_run": {
            "weeks": made.later.weeks,
            "users": made.later.users,
            "sessions_per_week": dict(zip(("target", "baseline"), made.later.sessions, strict=True)),
            "difference": made.later.gain._asdict(),
            "opted_out": dict(zip(("target", "baseline"), made.later.opted_out, strict=True)),
        },
        "decisions": made.decisions,
        "period": made.period,
        "run": made.run,
        "seconds": made.seconds,
    }


class _Row(NamedTuple):
    """What the policy does for a leaf segment."""

    segment: str
    cadence: str
    probability: float
    sends_before: float
    sends_per_period: float
    opted_out: float


def _rows(made: Demo) -> list[_Row]:
    pmf, by_node = node_pmf(made.policy), _by_node(made.posterior, made.policy)
    logged = empirical(made.log)
    before = node_pmf(logged) @ np.array([float(f or 0) for f in made.policy.actions.frequencies])
    paths, names = made.policy.segments.paths, made.policy.actions.names
    return [
        _Row(
            paths[node],
            names[int(np.argmax(pmf[node]))],
            float(pmf[node].max()),
            float(before[logged.segments.nearest(paths[node])]),
            float(by_node[SENDS][node]),
            float(by_node["opted_out"][node]),
        )
        for node in leaf_nodes(made.policy)
    ]


def _print(out: Path, made: Demo) -> None:
    log, result = made.log, made.result
    show.line(f"A simulated quarter: {log.n:,} weekly decisions of {log.users:,} users, {log.actions.k} actions.")
    show.line()
    show.table(
        f"What policy {made.policy.version} does",
        ["segment", "likeliest", "probability", "sends a week", "before", "opt-outs a week, by the model"],
        [(s, a, show.percent(p, 0), f"{f:.1f}", f"{b:.1f}", show.percent(c)) for s, a, p, b, f, c in _rows(made)],
        2,
    )
    show.table(
        f"What it is worth: per decision, on {result.users:,} held-out users (SNIPS, 95 % intervals by user)",
        ["outcome", "of", "estimate", "one-step truth of the world", "verdict"],
        list(_comparison(made)),
        2,
    )
    for name, bound in made.policy.limits.outcomes.items():
        show.line(
            f"Limit on {name}: {bound:g}, kept with {100 * made.certainty:g} % certainty by the model, which expects "
            f"{made.policy.expected[name]:.5f}."
        )
    later = made.later
    show.line(
        f"Long-run truth, {later.weeks} weeks of {later.users:,} other users: {later.sessions[0]:.3f} sessions a week "
        f"with the policy, {later.sessions[1]:.3f} with logging "
        f"(difference {later.gain.value:.3f} ± {later.gain.se:.3f}); "
        f"{show.percent(later.opted_out[0], 1)} and {show.percent(later.opted_out[1], 1)} opted out."
    )
    for why in dict.fromkeys(f"{e.verdict}: {e.outcome}: {e.why}" for e in _told(made)):
        show.line(why)
    for note in result.notes:
        show.line(f"note: {note}")
    show.line()
    recorded = f", mlflow.db (run {made.run})" if made.run else ""
    show.line(f"{out} holds log.parquet, spec.toml, policy/, cadence.png{recorded}")
    show.line(
        f"and decisions.parquet ({made.decisions:,} users, period {made.period}); it took {made.seconds:.0f} s. Next:"
    )
    log_and_spec = f"{out}/log.parquet --spec {out}/spec.toml"
    show.line(f"  tactful check {log_and_spec}")
    show.line(
        f"  tactful evaluate {log_and_spec} --policy {out}/policy --baseline always:{made.policy.actions.names[-2]}"
    )
    show.line(f"  tactful explain {out}/policy --segment {_rows(made)[0].segment}")


def _told(made: Demo) -> Iterator[EstimateRow]:
    shown = (made.result["target", o, ESTIMATOR] for o in OUTCOMES)
    return (e for e in shown if e.why)


def _comparison(made: Demo) -> Iterator[tuple[str, ...]]:
    of: dict[Role, str] = {"target": "policy", "baseline": "logging", "difference": "difference"}
    for outcome in OUTCOMES:
        target, base = made.truth[outcome]
        truth: dict[Role, float] = {"target": target, "baseline": base, "difference": target - base}
        for role, name in of.items():
            entry = made.result[role, outcome, ESTIMATOR]
            small = entry.value is not None and abs(entry.value) < 0.1
            first = outcome if role == "target" else ""
            yield first, name, with_value(entry), show.number(truth[role], 5 if small else 4), entry.verdict

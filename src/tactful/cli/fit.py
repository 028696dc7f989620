"""``tactful fit``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.cli import console as show
from tactful.cli.beside import Beside, check_store
from tactful.cli.explorer_options import NAMES as EXPLORERS
from tactful.cli.explorer_options import explorer_of
from tactful.cli.models import MODELS, announce_size, model_of, remarks, warnings
from tactful.cli.options import Json, Log, Seed, Spec, Tracking
from tactful.cli.record import record_fit
from tactful.core.files import check_output
from tactful.core.outcomes import OBJECTIVE
from tactful.errors import NothingToSayError, SpecError
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.optimisation.population import SENDS
from tactful.optimisation.publish import publish
from tactful.policies.artifact import NAME, save
from tactful.policies.protocol import Published


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fit")(fit)


def fit(
    log: Log,
    spec: Spec,
    out: Annotated[Path, typer.Option(help="Folder of the policy.")],
    model: Annotated[str, typer.Option(help=f"One of: {', '.join(MODELS)}.")] = "hierarchical",
    pooled: Annotated[bool, typer.Option("--pooled", help="Contextual models: one set for all segments.")] = False,
    action_features: Annotated[
        bool, typer.Option("--action-features", help="Contextual models: actions share by hour and frequency.")
    ] = False,
    half_life: Annotated[
        float | None, typer.Option(help="Days after which a decision counts half; without it all count alike.")
    ] = None,
    split: Annotated[float, typer.Option(help="Share of users kept for evaluation; 0 fits on everybody.")] = 0.3,
    split_salt: Annotated[str, typer.Option(help="Another salt keeps other users.")] = "split",
    explorer: Annotated[str, typer.Option(help=f"One of: {', '.join(EXPLORERS)}.")] = "thompson",
    draws: Annotated[
        int | None,
        typer.Option(help="Thompson: posterior draws; 1024 by default, 256 where they are served.", min=1),
    ] = None,
    sharpen: Annotated[float, typer.Option(help="Thompson: exponent; 1 is plain, larger is greedier.", min=0)] = 2.0,
    epsilon: Annotated[float, typer.Option(help="Epsilon-greedy: share of uniform draws.", min=0, max=1)] = 0.1,
    temperature: Annotated[float, typer.Option(help="Softmax: in units of the objective.")] = 0.1,
    width: Annotated[float, typer.Option(help="UCB: in posterior standard deviations.", min=0)] = 1.0,
    gamma: Annotated[float, typer.Option(help="Inverse gap: larger is greedier.", min=0)] = 100.0,
    cautious: Annotated[
        str | None, typer.Option(help="Explore only where this outcome is unlikely, such as opted_out.")
    ] = None,
    hazard_ratio: Annotated[
        float, typer.Option(help="With --cautious: how much likelier than for the greedy action it may be.")
    ] = 1.5,
    uniform: Annotated[float, typer.Option(help="Total share of uniform traffic.", min=0, max=1)] = 0.03,
    certainty: Annotated[float, typer.Option(help="With which limits on outcomes are kept, by the model.")] = 0.95,
    salt: Annotated[str, typer.Option(help="Of the draw.")] = "tactful",
    scope: Annotated[str, typer.Option(help="Campaign or channel.")] = "",
    seed: Seed = 0,
    tracking_uri: Tracking = None,
    json: Json = False,
) -> None:
    """Learn a policy from a log and save it.

    Example: tactful fit log.parquet --spec spec.toml --out policy
    """
    if half_life is not None and not 0 < half_life < math.inf:
        raise SpecError(f"a half-life of {half_life} days", "--half-life", "choose a positive number of days")
    if not 0 <= split < 1:
        raise SpecError(f"a split of {split}", "--split", "choose a share from 0 up to, not including, 1")
    chosen = explorer_of(
        explorer,
        draws=draws,
        sharpen=sharpen,
        epsilon=epsilon,
        temperature=temperature,
        width=width,
        gamma=gamma,
        cautious=cautious,
        hazard_ratio=hazard_ratio,
    )
    chosen_model = model_of(model, half_life, pooled=pooled, action_features=action_features)
    parsed = LogSpec.from_toml(spec)
    announce_size(model, "--model", parsed.actions.k)
    check_output("--out", out / NAME, log, spec)
    check_store(tracking_uri)
    with show.working("reading", json):
        whole = read_log(log, parsed)
    train, held = whole.split(split, split_salt) if split else (whole, None)
    if not train.n:
        raise NothingToSayError("no user is left to fit on", f"--split {split}", "keep fewer users for evaluation")
    with show.working("fitting", json):
        posterior = chosen_model.fit(train)
        policy = publish(
            posterior,
            parsed.objective,
            parsed.limits,
            explorer=chosen,
            uniform=uniform,
            certainty=certainty,
            seed=seed,
            salt=salt,
            scope=scope,
        )
    save(policy, out)
    summary = {
        "policy": str(out),
        "version": policy.version,
        "kind": policy.kind,
        "n": train.n,
        "users": train.users,
        "held_out_users": held.users if held else 0,
        "dispersion": {o: posterior.dispersion(o) for o in posterior.outcomes},
        **remarks(posterior),
        "not_converged": [o for o in posterior.outcomes if not posterior.converged(o)],
        "expected": dict(policy.expected),
        "limits": policy.limits.to_json(),
        "prices": dict(policy.prices),
    }
    beside = Beside()
    if not json:
        _print(summary, policy)
    if tracking_uri:
        options = {"model": model, "explorer": explorer, "uniform": uniform, "split": split, "seed": seed}
        run = beside.record(tracking_uri, lambda: record_fit(tracking_uri, whole, policy, out, options))
        summary |= {"run": run} if run else {}
    if json:
        show.emit(summary | beside.to_json())
    beside.close()


def _print(summary: Mapping[str, Any], policy: Published) -> None:
    show.line(
        f"policy {policy.version} in {summary['policy']}: fitted on {summary['n']:,} decisions "
        f"of {summary['users']:,} users; {summary['held_out_users']:,} users kept for evaluation"
    )
    show.table(
        "Expected per decision, by the model",
        ["", "expected", "limit", "price of the limit"],
        [
            (name, show.number(value), show.number(_limit(policy, name)), show.number(policy.prices.get(name), 2))
            for name, value in policy.expected.items()
        ],
    )
    for warning in warnings(summary):
        show.line(warning)
    for name in summary["not_converged"]:
        show.line(f"warning: the model of {name} did not come to rest; what it expects is rough")
    show.line("what was expected of a policy is no evidence for it: tactful evaluate")
    for name, price in policy.prices.items():
        if price > 0:
            show.line(f"the limit {name} binds: one unit of it would be worth {price:.4g} of the objective")


def _limit(policy: Published, name: str) -> float | None:
    if name == SENDS:
        return policy.limits.sends_per_period
    return None if name == OBJECTIVE else policy.limits.outcomes.get(name)

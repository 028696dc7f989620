"""``tactful init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.options import Json
from tactful.core.actions import ActionSpace
from tactful.core.files import replacing
from tactful.core.outcomes import Limits, Outcome
from tactful.errors import SpecError
from tactful.frames.spec.log_spec import LogSpec
from tactful.planning.slice_size import Need, decisions_needed
from tactful.policies.artifact import save
from tactful.policies.table import Table, always, uniform
from tactful.policies.terms import Terms

TEMPLATE = """\
# How tactful reads your decision log: one row a decision of (user, period).
# Adapt the names on the right; see the README, "Your own log".

[actions]                       # a grid of cadences, and none
slots = ["08:00", "12:00", "18:00", "21:30"]   # local time
frequencies = [1, 2, 3, 5, 7]   # sends per period, at most one a day
none = true
period_days = 7

[columns]                       # tactful's name = your column
user = "user"
decided_at = "decided_at"       # the period follows from it
segment = "segment"             # a path such as ios/new; or a list of columns: ["platform", "lifecycle"]
action = "action"
propensity = "propensity"       # what tactful decide wrote

[outcomes]                      # null = "zero": nothing arrived within the window means 0
engaged = { column = "sessions", kind = "count", window_days = 7, null = "zero" }
opted_out = { column = "opted_out", kind = "binary", absorbing = true, window_days = 7, null = "zero" }

[objective]                     # per decision: here an opt-out costs as much as 15 sessions
engaged = 1.0
opted_out = -15.0

[limits]
opted_out = 0.004               # mean per decision

[log]
timezone = "UTC"
as_of = "max"
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    out: Annotated[Path, typer.Option(help="Folder for spec.toml and policy/; it must not hold them yet.")],
    spec: Annotated[Path | None, typer.Option(help="Your own spec; a commented one is written otherwise.")] = None,
    safe: Annotated[str | None, typer.Option(help="An action you trust: all but the explored share gets it.")] = None,
    explore: Annotated[float, typer.Option(help="With --safe: share of the slice that is uniform.")] = 0.2,
    rate: Annotated[float, typer.Option(help="Guess of a binary outcome's mean without a limit.")] = 0.1,
    count: Annotated[float, typer.Option(help="Guess of a count's mean.")] = 1.0,
    lift: Annotated[float, typer.Option(help="Relative change worth seeing.")] = 0.2,
    periods: Annotated[int, typer.Option(help="Decisions for each user.", min=1, max=10_000)] = 8,
    json: Json = False,
) -> None:
    """No log yet: a spec, a first policy to serve to a slice of users, and how many decisions the question needs.

    Example: tactful init --out start
    """
    for name, value, most in (("explore", explore, 1), ("rate", rate, 1), ("count", count, 1e9), ("lift", lift, 1e3)):
        if not 0 < value <= most:
            raise SpecError(f"a value of {value}", f"--{name}", f"choose it above 0, up to {most:g}")
    place = out / "spec.toml"
    held = [str(p) for p in (place, out / "policy") if p.exists()]
    if held:
        raise SpecError("already there, and not overwritten", held[0], "choose another --out")
    text = TEMPLATE if spec is None else _text(spec)
    parsed = LogSpec.from_toml(spec) if spec else _parse(text)
    first = _first(parsed.actions, safe, explore)
    share = 1.0 if safe is None else explore
    needs = [
        decisions_needed(
            o.name, _guess(o, parsed.limits, rate, count), lift, actions=first.actions.k, explore=share, periods=periods
        )
        for o in parsed.outcomes.values()
        if o.kind != "real"
    ]
    out.mkdir(parents=True, exist_ok=True)
    with replacing(place) as part:
        part.write_text(text, encoding="utf-8")
    save(first, out / "policy")
    if json:
        show.emit(
            {
                "spec": str(place),
                "policy": str(out / "policy"),
                "version": first.version,
                "needs": [_plain(n) for n in needs],
            }
        )
        return
    _print(out, first, needs, lift, periods)


def _text(spec: Path) -> str:
    try:
        return spec.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SpecError("cannot be read", str(spec), "give a TOML file") from None


def _parse(text: str) -> LogSpec:
    import tomllib

    return LogSpec.from_dict(tomllib.loads(text))


def _first(actions: ActionSpace, safe: str | None, explore: float) -> Table:
    """Uniform, or an action that is trusted mixed with a uniform share."""
    if safe is None:
        return uniform(actions)
    trusted = always(actions, safe)
    return Table(trusted.actions, trusted.segments, trusted.shares, Terms(uniform=explore))


def _guess(outcome: Outcome, limits: Limits, rate: float, count: float) -> float:
    """A mean to plan with: an outcome that is limited is planned at its limit."""
    if (limit := limits.outcomes.get(outcome.name, 0.0)) > 0:
        return limit
    return rate if outcome.kind == "binary" or outcome.has_trials else count


def _plain(need: Need) -> dict[str, float | str]:
    return {
        "outcome": need.outcome,
        "mean": need.mean,
        "change": need.change,
        "decisions": need.decisions,
        "users": need.users,
    }


def _print(out: Path, first: Table, needs: list[Need], lift: float, periods: int) -> None:
    show.line(f"{out / 'spec.toml'}: how your log will be read; adapt it")
    show.line(f"{out / 'policy'}: policy {first.version} over {first.actions.k} actions, to serve to a slice of users")
    show.table(
        f"Decisions needed to see one action change by {100 * lift:g} % (95 % level, 80 % power, {periods} a user)",
        ["outcome", "assumed mean", "change", "decisions", "users"],
        [(n.outcome, show.number(n.mean), show.number(n.change, 5), f"{n.decisions:,}", f"{n.users:,}") for n in needs],
    )
    show.line(
        "segments share what they learn, and a learnt policy mixes actions: fewer decisions already give a policy,"
    )
    show.line("these many prove one action. Next: tactful decide users.csv --policy " + str(out / "policy"))

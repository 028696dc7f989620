"""``tactful explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.options import Json
from tactful.core.segments import is_path
from tactful.errors import PolicyError
from tactful.optimisation.provenance import at_node
from tactful.policies.artifact import load
from tactful.policies.codec import Saved
from tactful.policies.table import Table
from tactful.serving import Decider, ServingConfig


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    policy: Annotated[Path, typer.Argument(help="Folder of the policy.")],
    segment: Annotated[str, typer.Option(help="Path of the segment, such as ios/new; empty is the root.")] = "",
    json: Json = False,
) -> None:
    """What does a policy do for a segment, and where does it come from?

    Example: tactful explain policy --segment ios/new
    """
    if not is_path(segment):
        raise PolicyError(f"not a path: {segment!r}", "--segment", "name every part, as in ios/new")
    loaded = load(policy)
    pmf = average(loaded, segment)
    served = loaded.segments.paths[loaded.segments.nearest(segment)]
    lineage = loaded.lineage
    learnt = at_node(lineage, loaded.segments, loaded.segments.nearest(segment)) if lineage else {}
    if json:
        show.emit(
            {
                "policy": str(policy),
                "version": loaded.version,
                "kind": loaded.kind,
                "features": list(loaded.features.names),
                "segment": segment,
                "served": served,
                "uniform": loaded.uniform,
                "pmf": pmf,
                "sends_per_period": sends(pmf, loaded.actions.frequencies),
                "expected": dict(loaded.expected),
                "objective": dict(loaded.objective.values) if loaded.objective else None,
                "limits": loaded.limits.to_json(),
                "prices": dict(loaded.prices),
                "learnt": learnt,
                "lineage": {"log": lineage.log, "model": lineage.model, "split": lineage.split_share}
                if lineage
                else None,
            }
        )
        return
    known = "" if served == segment else f" (unknown: served as {served or 'the root'})"
    show.line(
        f"policy {loaded.version}, segment {segment or 'the root'}{known}; "
        f"{show.percent(loaded.uniform)} uniform traffic"
    )
    if loaded.features.names:
        show.line(f"depends on {', '.join(loaded.features.names)}: what follows are means over the contexts of its log")
    volume = sends(pmf, loaded.actions.frequencies)
    if volume is not None:
        show.line(f"{volume:.2f} sends a period")
    if lineage:
        kept = f", {show.percent(lineage.split_share, 0)} of users held out" if lineage.split_share else ""
        show.line(f"fitted by {lineage.model} on log {lineage.log}{kept}")
    for outcome, of in learnt.items():
        where = "" if of["at"] is None else f"learnt at {of['at'] or 'the root'}, "
        size = f"{of['effective_sample_size']:,.0f}"
        show.line(f"{outcome}: {where}the median action known as well as from {size} decisions of its own")
    for name, price in loaded.prices.items():
        show.line(f"limit on {name}: {f'binds, at a price of {price:.4g}' if price > 0 else 'does not bind'}")
    ranked = sorted(pmf.items(), key=lambda cell: -cell[1])
    show.table("Probability of each action", ["action", "probability"], [(a, show.percent(p)) for a, p in ranked])


def average(policy: Saved, segment: str) -> dict[str, float]:
    """The probabilities of each action in a segment; of a contextual policy, their means over its typical contexts."""
    if isinstance(policy, Table):
        return Decider(policy, ServingConfig(fallback="refuse")).pmf(segment)
    from tactful.optimisation.publish import node_pmf  # brings the kernels, which a table does without

    served = node_pmf(policy)[policy.segments.nearest(segment)]
    return dict(zip(policy.actions.names, served.tolist(), strict=True))


def sends(pmf: dict[str, float], frequencies: tuple[int | None, ...]) -> float | None:
    """Expected sends a period, or None where an action has no frequency."""
    if any(f is None for f in frequencies):
        return None
    return sum(p * (f or 0) for p, f in zip(pmf.values(), frequencies, strict=True))

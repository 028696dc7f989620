"""What a run keeps in MLflow: parameters, metrics with bounds, the policy and the map of cadences; never user rows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np

from tactful import __version__
from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.core.segments import ROOT
from tactful.evaluation.results import Evaluation
from tactful.optimisation.publish import node_pmf
from tactful.policies.artifact import NAME
from tactful.policies.protocol import Published
from tactful.report.cadence_figure import cadence_figure
from tactful.tracking.experiments import experiment_name
from tactful.tracking.mlflow_run import metric_name, recording
from tactful.tracking.patience import Steps

EXPERIMENT = "tactful"


def record_fit(uri: str, log: Log, policy: Published, folder: Path, options: Mapping[str, object]) -> Steps[str]:
    """One run for a fitted policy; returns its id."""
    metrics = {metric_name("expected", name, "model", "value"): v for name, v in policy.expected.items()}
    return _record(uri, "fit", log, options, metrics, policy, folder)


def record_evaluation(uri: str, log: Log, result: Evaluation, options: Mapping[str, object]) -> Steps[str]:
    """One run for an evaluation; returns its id."""
    return _record(uri, "evaluate", log, options, metrics_of(result), None, None)


def record_whole(
    uri: str, log: Log, policy: Published, folder: Path, result: Evaluation, options: Mapping[str, object]
) -> Steps[str]:
    """One run that holds a policy and its evaluation; returns its id."""
    return _record(uri, "demo", log, options, metrics_of(result), policy, folder)


def metrics_of(result: Evaluation) -> dict[str, float | None]:
    """A metric for every number of every (policy, outcome, estimator); refused ones have none."""
    fields = ("value", "low", "high", "ess")
    return {
        metric_name(e.policy, e.outcome, e.estimator, field): getattr(e, field)
        for e in result.estimates
        for field in fields
        if getattr(e, field) is not None
    }


def draw_cadences(policy: Published, path: Path, expected: Mapping[str, F64] | None = None) -> None:
    """The heat map of cadence by leaf segment (``expected`` is by node of the policy's tree)."""
    leaves = leaf_nodes(policy)
    cadence_figure(
        path,
        actions=policy.actions,
        segments=[policy.segments.paths[i] or ROOT for i in leaves],
        pmf=node_pmf(policy)[leaves],
        expected={name: values[leaves] for name, values in (expected or {}).items()},
    )


def leaf_nodes(policy: Published) -> list[int]:
    """The nodes without children."""
    inner = set(policy.segments.parents.tolist())
    return [i for i in np.arange(len(policy.segments)).tolist() if i not in inner]


def _record(
    uri: str,
    name: str,
    log: Log,
    options: Mapping[str, object],
    metrics: Mapping[str, float | None],
    policy: Published | None,
    folder: Path | None,
) -> Steps[str]:
    params = {"n": log.n, "users": log.users, "actions": log.actions.k, "segments": len(log.segments), **options}
    tags = {"log_fingerprint": log.fingerprint(), "tactful_version": __version__}
    artifacts: dict[str, Path] = {}
    with tempfile.TemporaryDirectory() as scratch:
        if policy is not None and folder is not None:
            tags["policy_version"] = policy.version
            tags["policy_sha256"] = sha256((folder / NAME).read_bytes()).hexdigest()
            picture = Path(scratch) / "cadence.png"
            draw_cadences(policy, picture)
            artifacts = {"policy": folder, "figures": picture}
        experiment = experiment_name(EXPERIMENT)
        return (
            yield from recording(
                uri,
                experiment=experiment,
                run_name=name,
                params=params,
                metrics=metrics,
                tags=tags,
                artifacts=artifacts,
            )
        )

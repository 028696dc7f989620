"""The pictures of one evaluation, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tactful.core.log import Log
from tactful.evaluation.overlap import overlap
from tactful.evaluation.results import Evaluation
from tactful.evaluation.target_policies import TargetPolicy
from tactful.report.canvas import png
from tactful.report.estimate_figure import estimates_figure
from tactful.report.weight_figure import reach_figure, weights_figure


def pictures(folder: Path, log: Log, result: Evaluation, policies: Mapping[str, TargetPolicy]) -> list[Path]:
    """``estimates.png``, ``weights.png`` and ``reach.png`` in a folder, of a policy and its baseline by name.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    policy, baseline = (*policies, *policies)[:2]
    found = overlap(log, policies[policy])
    made = {
        "estimates": estimates_figure(result, policy, baseline),
        "weights": weights_figure(found, policy),
        "reach": reach_figure(found, policy),
    }
    paths = [folder / f"{name}.png" for name in made]
    for path, figure in zip(paths, made.values(), strict=True):
        png(figure, path)
    return paths

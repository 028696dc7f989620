"""obp 0.4.1's estimators: installed, or out of its wheel, or its arithmetic where neither is there.

The wheel pins numpy and pandas below what Python 3.11 and tactful need and asks for torch, so that it cannot stand in
the `bench` group. `pip download obp==0.4.1 --no-deps` fetches it; `--obp WHEEL` imports its estimators unchanged, with
an empty module for torch (of which these functions use a type's name alone) unless torch is installed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ESTIMATORS = ("InverseProbabilityWeighting", "SelfNormalizedInverseProbabilityWeighting", "DoublyRobust")


class Peer:
    """IPS, SNIPS and DR as obp computes them, and its bootstrap of the rows of an estimate; ``name`` says whose."""

    def __init__(self, wheel: Path | None = None) -> None:
        try:
            module = _module_of(wheel) if wheel else importlib.import_module("obp.ope")
        except ImportError as error:
            if wheel:
                raise SystemExit(f"obp: cannot be imported from {wheel}: {error}") from error
            self.name, self._estimators, self._interval = "obp's arithmetic", None, None
            return
        utils = importlib.import_module("obp.utils")
        self.name, self._interval = "obp", utils.estimate_confidence_interval_by_bootstrap
        self._estimators = [getattr(module, name)() for name in ESTIMATORS]

    def values(self, pmf: Any, q: Any, action: Any, propensity: Any, reward: Any, **_: Any) -> list[float]:
        """The three estimates, of (n, k, 1) arrays."""
        rows = {"reward": reward, "action": action, "pscore": propensity, "action_dist": pmf[:, :, None]}
        model = q[:, :, None]
        if self._estimators is None:
            return _arithmetic(**rows, q=model)
        ips, snips, dr = self._estimators
        values = [ips.estimate_policy_value(**rows), snips.estimate_policy_value(**rows)]
        return [*values, dr.estimate_policy_value(**rows, estimated_rewards_by_reg_model=model)]

    def bootstrap(self, samples: Any, replicates: int) -> None:
        """An interval from the means of so many resamples of all rows."""
        if self._interval is not None:
            self._interval(samples, n_bootstrap_samples=replicates, random_state=1)
            return
        rng = np.random.RandomState(1)
        _ = [np.mean(rng.choice(samples, size=samples.shape[0])) for _ in range(replicates)]


def _module_of(wheel: Path) -> ModuleType:
    """The module of estimators alone: the package's own imports would need all that it pins."""
    try:
        importlib.import_module("torch")
    except ImportError:
        sys.modules["torch"] = ModuleType("torch")
        sys.modules["torch"].Tensor = type("Tensor", (), {})  # type: ignore[attr-defined]
    for name in ("obp", "obp.ope"):
        package = ModuleType(name)
        package.__path__ = [str(wheel / name.replace(".", "/"))]
        sys.modules[name] = package
    sys.path_importer_cache.clear()
    return importlib.import_module("obp.ope.estimators")


def _arithmetic(reward: Any, action: Any, pscore: Any, action_dist: Any, q: Any) -> list[float]:
    """What obp's three functions compute after their checks, line by line."""
    rows, position = np.arange(action.shape[0]), np.zeros(action_dist.shape[0], dtype=int)

    def weight() -> Any:
        return action_dist[rows, action, position] / pscore

    iw = weight()
    at_position, factual = action_dist[rows, :, position], q[rows, action, position]
    robust = np.average(q[rows, :, position], weights=at_position, axis=1)
    robust += weight() * (reward - factual)
    return [float((reward * weight()).mean()), float((reward * iw / iw.mean()).mean()), float(robust.mean())]

"""VowpalWabbit, ε-greedy on a contextual bandit. Its input is text, which its users make from each context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from peers.training import Training

try:
    from vowpalwabbit import Workspace
except ImportError:
    Workspace = None

Predict = Callable[[str], list[float]]


def trained(rows: Training, names: Sequence[str], k: int) -> Predict | None:
    """The pmf of k actions at the text of a context, after learning from the rows; None where it is not installed."""
    if Workspace is None:
        print("VowpalWabbit is not installed: pip install --group bench")
        return None
    workspace = Workspace(f"--cb_explore {k} --epsilon 0.1 --quiet")
    for context, action, reward in zip(*rows, strict=True):
        workspace.learn(f"{action + 1}:{-reward}:{1 / k} {as_text(context, names)}")
    return workspace.predict


def as_text(context: NDArray[np.float64], names: Sequence[str]) -> str:
    """A context in the form that it reads."""
    return "| " + " ".join(f"{name}:{value:.6g}" for name, value in zip(names, context.tolist(), strict=True))


def draw(pmf: Sequence[float]) -> int:
    """An action drawn from a pmf, as its users do."""
    u, total = np.random.random(), 0.0  # noqa: NPY002
    for action, probability in enumerate(pmf):
        total += probability
        if total > u:
            return action
    return len(pmf) - 1

"""The explorer that the options of a command name."""

from __future__ import annotations

from tactful.errors import SpecError
from tactful.optimisation.cautious import Cautious
from tactful.optimisation.explorers import UCB, EpsilonGreedy, Explorer, Greedy, InverseGap, Softmax, Thompson

NAMES = ("thompson", "greedy", "epsilon-greedy", "softmax", "ucb", "inverse-gap")


def explorer_of(
    name: str,
    *,
    draws: int | None,
    sharpen: float,
    epsilon: float,
    temperature: float,
    width: float,
    gamma: float,
    cautious: str | None,
    hazard_ratio: float,
) -> Explorer:
    """The explorer, cautious about an outcome where one is named.

    Raises
    ------
    SpecError
        An unknown explorer, or a parameter without meaning.
    """
    if name not in NAMES:
        raise SpecError(f"unknown explorer {name!r}", "--explorer", f"choose one of {', '.join(NAMES)}")
    if not temperature > 0:  # NaN is refused too
        raise SpecError(f"a temperature of {temperature}", "--temperature", "choose a positive one")
    if not hazard_ratio >= 1:
        raise SpecError(f"a ratio of {hazard_ratio}", "--hazard-ratio", "choose 1 or more")
    explorers: dict[str, Explorer] = {
        "thompson": Thompson(draws, sharpen),
        "greedy": Greedy(),
        "epsilon-greedy": EpsilonGreedy(epsilon),
        "softmax": Softmax(temperature),
        "ucb": UCB(width),
        "inverse-gap": InverseGap(gamma),
    }
    chosen = explorers[name]
    return chosen if cautious is None else Cautious(chosen, outcome=cautious, ratio=hazard_ratio)

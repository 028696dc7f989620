"""Monitors from their definition: the mean over bets of products of factors, in plain Python."""

from __future__ import annotations

from math import prod

BACK = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0)
WIDEN = (0.1, 0.25, 0.5, 0.75, 0.9)


def e_values(outcomes, ceiling):
    """(E_back, E_widen)."""
    back = [min(b / (1 - ceiling), 0.9 / ceiling) for b in BACK]
    widen = [b / (1 - ceiling) for b in WIDEN]
    return (
        sum(prod(1 + b * (c - ceiling) for c in outcomes) for b in back) / len(back),
        sum(prod(1 + b * (ceiling - c) for c in outcomes) for b in widen) / len(widen),
    )

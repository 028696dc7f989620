"""What published policies of every form have in common: plain forms, versions, bounds on periods."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tactful.errors import PolicyError
from tactful.policies.protocol import Published


def common(policy: Published) -> dict[str, Any]:
    """The plain form of what decides beside the pmf itself."""
    arms = policy.arms
    return {
        "uniform": float(policy.uniform),
        "salt": policy.salt,
        "scope": policy.scope,
        "arms": {"control": float(arms.control), "uniform": float(arms.uniform), "salt": arms.salt},
        "from_period": policy.from_period,
        "valid_until": policy.valid_until,
    }


def version(behaviour: Mapping[str, Any]) -> str:
    """The first 16 hexadecimal digits of the sha256 of what determines behaviour."""
    return sha256(json.dumps(behaviour, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def check_period(policy: Published, first: int, last: int) -> None:
    """Refuse periods in which a policy must not decide.

    Raises
    ------
    PolicyError
        One of the periods ``first`` to ``last`` is outside ``from_period`` to ``valid_until``.
    """
    low, high = policy.from_period, policy.valid_until
    if (low is not None and first < low) or (high is not None and last > high):
        bounds = f"{'…' if low is None else low} to {'…' if high is None else high}"
        asked = str(first) if first == last else f"{first} to {last}"
        raise PolicyError(f"the policy decides periods {bounds}", f"period {asked}", "publish a newer policy")

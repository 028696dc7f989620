"""The arms of an experiment, to which users are assigned for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tactful.core.actions import NONE, ActionSpace
from tactful.core.arrays import F64, U32, U64
from tactful.core.draw import ONE, sticky
from tactful.errors import PolicyError

POLICY, CONTROL, UNIFORM = "policy", "control", "uniform"


@dataclass(frozen=True, slots=True)
class Arms:
    """Arms of an experiment, to which users are assigned for good by their keys; the others get the policy.

    Examples
    --------
    >>> Arms(control=0.5).assign(np.array([1, 2, 4], np.uint64)).tolist()
    ['control', 'control', 'policy']
    """

    control: float = 0.0
    """Share of the users who always get ``none``."""
    uniform: float = 0.0
    """Share of the users who always get a uniform draw of the eligible actions."""
    salt: str = "arms"
    """With another salt every user is assigned anew."""

    def __post_init__(self) -> None:
        """Refuse shares that are no shares."""
        if not (self.control >= 0 and self.uniform >= 0 and self.control + self.uniform <= 1):
            raise PolicyError("control and uniform must be shares that sum to at most 1", "arms", "lower them")

    @property
    def bounds(self) -> tuple[int, int]:
        """Integers of 2**32: a user whose number is below the first is in control, below the second in uniform."""
        return round(self.control * ONE), round((self.control + self.uniform) * ONE)

    def assign(self, user_key: U64) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        """(u,) the arm of each user."""
        if self.bounds[1] == 0:
            return np.full(user_key.size, POLICY, object)
        return self.split(sticky(user_key, self.key))

    @property
    def key(self) -> str:
        """The salt of the sticky uniforms of users."""
        return f"arms:{self.salt}"

    def split(self, u: U32) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        """(u,) the arms of sticky uniforms in [0, 2**32)."""
        control, uniform = self.bounds
        numbers = u.astype(np.uint64)
        return np.where(numbers < control, CONTROL, np.where(numbers < uniform, UNIFORM, POLICY)).astype(object)

    def pmf(self, arm: str, pmf: F64, actions: ActionSpace) -> F64:
        """The pmf that an arm gives instead of the policy's.

        Parameters
        ----------
        arm
            ``policy``, ``control`` or ``uniform``.
        pmf
            (n, k) the policy's.
        actions
            The k actions.

        Raises
        ------
        PolicyError
            The arm is control, and the action space has no ``none``.
        """
        if arm == CONTROL:
            return np.tile(control_pmf(actions), (len(pmf), 1))
        return np.full_like(pmf, 1 / actions.k) if arm == UNIFORM else pmf


def control_pmf(actions: ActionSpace) -> F64:
    """(k,) all mass on ``none``.

    Raises
    ------
    PolicyError
        The action space has no ``none``.
    """
    if NONE not in actions.names:
        raise PolicyError("a control arm needs the action 'none'", "arms", "add it to the action space")
    return np.eye(actions.k)[actions.index(NONE)]

"""The terms of a published policy: all that it has beside its pmf, whatever the form of that pmf."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.errors import PolicyError
from tactful.policies.arms import Arms

DEFAULT_SALT = "tactful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a policy draws with, when it may decide, and what it says of its origin.

    The fields up to ``valid_until`` change what is served, and the policy's version with it. The fields from
    ``objective`` on are a report and change neither.

    Examples
    --------
    >>> Terms(uniform=0.03, valid_until=2960).behaviour()["valid_until"]
    2960
    """

    uniform: float = 0.0
    """Total share in [0, 1] of the uniform pmf over the eligible actions that is mixed in."""
    salt: str = DEFAULT_SALT
    """Salt of the draws: with another salt every user draws anew."""
    scope: str = ""
    """Name of what is decided, such as a channel: users draw independently in another scope."""
    arms: Arms = field(default_factory=Arms)
    """Shares of users who are kept from the policy for good, as control or as uniform traffic."""
    from_period: int | None = None
    """Index of the first period in which the policy may decide; None: no bound."""
    valid_until: int | None = None
    """Index of the last period in which the policy may decide; None: no bound."""
    objective: Objective | None = None
    """Values of the outcomes that the policy was published for; None where it was not learnt."""
    limits: Limits = field(default_factory=Limits)
    """Bounds that were kept when it was published."""
    prices: Mapping[str, float] = field(default_factory=dict[str, float])
    """Price of each limit by name, in units of the objective for one unit of the limit; 0 where it does not bind."""
    expected: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the model expects of what is served, per decision, by name of the outcome."""
    lineage: Lineage | None = None
    """The log and the model that the policy comes from; None where it was not learnt."""

    def behaviour(self) -> dict[str, Any]:
        """The plain form of the terms that change what is served."""
        return {
            "uniform": float(self.uniform),
            "salt": self.salt,
            "scope": self.scope,
            "arms": {"control": float(self.arms.control), "uniform": float(self.arms.uniform), "salt": self.arms.salt},
            "from_period": self.from_period,
            "valid_until": self.valid_until,
        }

    def report(self) -> dict[str, Any]:
        """The plain form of the terms that change nothing."""
        return {
            "objective": dict(self.objective.values) if self.objective else None,
            "limits": self.limits.to_json(),
            "prices": dict(self.prices),
            "expected": dict(self.expected),
            "lineage": asdict(self.lineage) if self.lineage else None,
        }

    def check_period(self, first: int, last: int) -> None:
        """Refuse periods in which a policy must not decide.

        Raises
        ------
        PolicyError
            One of the periods ``first`` to ``last`` is outside ``from_period`` to ``valid_until``.
        """
        low, high = self.from_period, self.valid_until
        if (low is not None and first < low) or (high is not None and last > high):
            bounds = f"{'…' if low is None else low} to {'…' if high is None else high}"
            periods = str(first) if first == last else f"{first} to {last}"
            raise PolicyError(f"the policy decides periods {bounds}", f"period {periods}", "publish a newer policy")


class OnTerms(ABC):
    """Abstract: a policy whose ``terms`` can be read as its own attributes, with the version that follows from them."""

    terms: Terms

    @abstractmethod
    def behaviour(self) -> dict[str, Any]:
        """The plain form of all that decides which action is drawn, and with what probability."""

    @cached_property
    def _version(self) -> str:
        text = json.dumps(self.behaviour(), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()[:16]

    @property
    def version(self) -> str:
        """The first 16 hexadecimal digits of the sha256 of what determines behaviour."""
        return self._version

    @property
    def uniform(self) -> float:
        """Share of the uniform pmf over the eligible actions."""
        return self.terms.uniform

    @property
    def salt(self) -> str:
        """Salt of the draws."""
        return self.terms.salt

    @property
    def scope(self) -> str:
        """Name of what is decided."""
        return self.terms.scope

    @property
    def arms(self) -> Arms:
        """Shares of users who are kept from the policy for good."""
        return self.terms.arms

    @property
    def from_period(self) -> int | None:
        """First period in which the policy may decide."""
        return self.terms.from_period

    @property
    def valid_until(self) -> int | None:
        """Last period in which the policy may decide."""
        return self.terms.valid_until

    @property
    def objective(self) -> Objective | None:
        """Values of the outcomes that the policy was published for."""
        return self.terms.objective

    @property
    def limits(self) -> Limits:
        """Bounds that were kept when it was published."""
        return self.terms.limits

    @property
    def prices(self) -> Mapping[str, float]:
        """Price of each limit."""
        return self.terms.prices

    @property
    def expected(self) -> Mapping[str, float]:
        """What the model expects of what is served, per decision."""
        return self.terms.expected

    @property
    def lineage(self) -> Lineage | None:
        """The log and the model that the policy comes from."""
        return self.terms.lineage

    def check_period(self, first: int, last: int) -> None:
        """Refuse periods in which the policy must not decide.

        Raises
        ------
        PolicyError
            One of the periods ``first`` to ``last`` is outside ``from_period`` to ``valid_until``.
        """
        self.terms.check_period(first, last)

"""What a simulated world hands over to be written; frames know no world of their own."""

from __future__ import annotations

from typing import Protocol

from tactful.core.arrays import I64, Bool
from tactful.core.log import Log
from tactful.policies.protocol import Policy


class SendEvents(Protocol):
    """Sends one by one, as columns (e,); those of ``simulate.simulated.Events``."""

    @property
    def user(self) -> I64:
        """Codes of the users."""
        ...

    @property
    def sent_at(self) -> I64:
        """Times in µs UTC."""
        ...

    @property
    def slot(self) -> I64:
        """Places in ``SimulatedLog.slots``."""
        ...

    @property
    def opened_at(self) -> I64:
        """Times in µs UTC, negative where the send was not opened."""
        ...

    @property
    def opted_out_at(self) -> I64:
        """Times in µs UTC, negative where nobody opted out of it."""
        ...

    @property
    def added(self) -> Bool:
        """Whether the open brought a session of its own."""
        ...


class SimulatedLog(Protocol):
    """A log with the sends behind it."""

    @property
    def log(self) -> Log:
        """The decisions."""
        ...

    @property
    def events(self) -> SendEvents | None:
        """The sends; None where nobody asked for them."""
        ...

    @property
    def slots(self) -> tuple[str, ...]:
        """The local times of the sends."""
        ...


class SimulatesLogs(Protocol):
    """A world that can simulate a range of its users; reading and writing logs know no world of their own."""

    def simulate(
        self,
        users: int,
        periods: int,
        policy: Policy | None = None,
        *,
        seed: int,
        salt: str = ...,
        first_user: int = ...,
        as_of: int | None = ...,
        truth: bool = ...,
        vectors: bool = ...,
        events: bool = ...,
        threads: int | None = ...,
    ) -> SimulatedLog:
        """The log of users from ``first_user`` on.

        Parameters
        ----------
        users, periods
            How many of each.
        policy
            Decides; None is the status quo with exploration.
        seed
            Of the world.
        salt
            Of the users' draws.
        first_user
            The first of the users.
        as_of
            The time that is now for maturity, in µs UTC; None takes the end of the simulation.
        truth
            Whether to keep what nobody could log.
        vectors
            Whether to log whole pmfs.
        events
            Whether to keep the sends one by one.
        threads
            Threads; None uses all cores.
        """
        ...

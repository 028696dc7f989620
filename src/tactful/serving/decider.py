"""One decision at a time, in microseconds, with its exact propensity, while policies come and go."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Sequence
from datetime import datetime
from os import PathLike

from tactful.core.actions import ActionSpace
from tactful.core.draw import ONE
from tactful.errors import PolicyError, PolicyFormatError, first
from tactful.policies.protocol import Published
from tactful.serving.contexts import Context
from tactful.serving.decider_config import ServingConfig
from tactful.serving.decision import Decision
from tactful.serving.decision import unknown_segment as unknown_segment
from tactful.serving.periods import FIRST, instant_us, now_us, whole
from tactful.serving.timeline import Timeline
from tactful.serving.timeline_entries import (
    FORGOTTEN,
    Live,
    MismatchError,
    TimelineEntry,
    entry_of,
    live_at,
    refuse_actions,
    refuse_mismatch,
    without,
)


class Decider:
    """Loaded policies that decide: safe to share between threads, and without a lock where it decides.

    Parameters
    ----------
    policy
        A policy, or the folder of one. A folder without a sound policy starts with the fallback where the
        configuration says for which actions, and is refused otherwise.
    config
        What is served where no policy may decide, and how many are kept.
    clock
        The time in µs UTC, from which the next period follows when policies are swapped; deciding never reads it.

    Raises
    ------
    PolicyFormatError
        The artifact is missing, damaged, unsafe or newer than this tactful.
    PolicyError
        The fallback or an arm cannot be served with these actions.

    Examples
    --------
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.policies.table import always
    >>> decider = Decider(always(ActionSpace.grid(["19:30"], [3]), "3x@19:30"))
    >>> d = decider.decide(user="u-42", period=12, segment="ios/new")
    >>> d.action, d.slot, d.frequency, d.propensity
    ('3x@19:30', '19:30', 3, 1.0)
    """

    __slots__ = ("_actions", "_clock", "_frozen", "_timeline", "_writing", "config")

    def __init__(
        self,
        policy: Published | str | PathLike[str],
        config: ServingConfig | None = None,
        *,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self.config = config or ServingConfig()
        self._clock, self._frozen, self._writing = clock, False, allocate_lock()
        try:
            entry = entry_of(policy, self.config, clock())
            refuse_actions(entry, self.config.actions)
        except (PolicyFormatError, MismatchError) as error:
            entry = without(self.config, error, clock())
        self._actions = entry.snapshot.policy.actions
        self._timeline: Timeline[TimelineEntry] = Timeline[TimelineEntry].of(entry, FIRST, keep=self.config.keep)

    @classmethod
    def open(
        cls,
        folder: str | PathLike[str],
        config: ServingConfig | None = None,
        *,
        clock: Callable[[], int] = now_us,
    ) -> Decider:
        """The decider of a saved policy; as the constructor."""
        return cls(folder, config, clock=clock)

    @property
    def policy(self) -> Published:
        """The policy that was swapped in last."""
        return self._timeline.newest.snapshot.policy

    @property
    def fallback(self) -> Published | None:
        """The policy that stands in for it; save it, and its decisions can be replayed too. None: they are refused."""
        substitute = self._timeline.newest.snapshot.substitute
        return None if substitute is None else substitute.policy

    @property
    def actions(self) -> ActionSpace:
        """The actions of every policy that is served."""
        return self._actions

    @property
    def frozen(self) -> bool:
        """Whether swaps are refused."""
        return self._frozen

    def decide(
        self,
        user: str | int,
        period: int,
        segment: str = "",
        context: Context | None = None,
        eligible: Sequence[bool] | None = None,
    ) -> Decision:
        """The action of one user in one period; the same inputs and policy give the same decision for ever.

        Parameters
        ----------
        user
            Its id; 42 and "42" are one user.
        period
            Index of the period; it chooses the policy.
        segment
            A path; one that the policy does not know gets its nearest ancestor's row, and ``fallback`` says so.
        context
            The features of a contextual policy by name, or in its order; others need none.
        eligible
            (k,) which actions may be taken now, in the order of the action space; None means all.

        Raises
        ------
        PolicyError
            No action is eligible, ``eligible`` has not k entries, the period is none; where the configuration says
            ``refuse``, also where a fallback would be served.
        """
        if type(period) is not int:
            period = whole(period)
        timeline = self._timeline  # read once: a swap between two lines does not show
        entry = timeline.newest if period >= timeline.since else timeline.at(period)
        try:
            if entry is None:
                return timeline.entries[0].snapshot.instead(FORGOTTEN, user, period, segment, eligible)
            return entry.snapshot.decide(user, period, segment, context, eligible)
        except UnicodeEncodeError:
            raise PolicyError(f"{user!r} is no text", "user", "give an id without lone surrogates") from None

    def pmf(
        self,
        segment: str = "",
        eligible: Sequence[bool] | None = None,
        *,
        context: Context | None = None,
        period: int | None = None,
    ) -> dict[str, float]:
        """The probabilities that :meth:`decide` draws from, by action, in the arm ``policy``, without a fallback.

        Raises
        ------
        PolicyError
            No policy is kept for this period, or its context is not whole.
        """
        entry = self._timeline.newest if period is None else self._timeline.at(period)
        if entry is None:
            raise PolicyError("no policy is kept for this period", f"period {period}", "ask for a later one")
        shares = entry.snapshot.shares(segment, context, eligible)
        return {name: share / ONE for name, share in zip(self._actions.names, shares, strict=True)}

    def period(self, at: datetime | str | int) -> int:
        """The index of the period that holds a time: a datetime or ISO 8601 text with its offset, or µs UTC.

        Raises
        ------
        PolicyError
            A naive time, or a text that is none.
        SpecError
            The action space does not say how long a period is.
        """
        return self._actions.period(at if isinstance(at, int) else instant_us(at))

    def swap(
        self,
        policy: Published | str | PathLike[str],
        from_period: int | None = None,
        *,
        now: bool = False,
        sha256: str | None = None,
        source: str | None = None,
    ) -> Live:
        """Let another policy decide from a period on; earlier periods stay with the policy that was live for them.

        Parameters
        ----------
        policy
            A policy, or the folder of one.
        from_period
            The first period it decides, taken as it is; what was swapped in for that period or later gives way.
            By default the next that begins, or the policy's own ``from_period`` where that is later.
        now
            From the period that has begun: for emergencies, since a user asked twice in it may get two answers.
        sha256
            The sha256 that the ``policy.json`` of the folder must have.
        source
            What ``live`` says of its origin; the folder by default.

        Raises
        ------
        PolicyError
            Frozen, another scope or other actions than those served, expired by then, without a pmf at the centre of
            its contexts, or a period that does not follow from the clock.
        PolicyFormatError
            As :func:`tactful.load`, or another sha256 than asked for. In every case the served policy stays.
        """
        self._refuse_frozen()
        entry = entry_of(policy, self.config, self._clock(), pinned=sha256, source=source)
        with self._writing:
            self._refuse_frozen()
            start = self._start(entry, from_period, now=now)
            newest = self._timeline.accepted[-1]
            refuse_mismatch(entry, newest, start)
            same = newest.found and newest.snapshot.version == entry.snapshot.version
            self._timeline = self._timeline.insert(newest if same else entry, start)
        return self.live(start)

    def rollback(self, version: str | None = None, *, from_period: int | None = None, now: bool = False) -> Live:
        """Let an earlier policy decide again: the one before the newest, or any of the last ``keep`` by its version.

        From the next period that begins by default; the policies accepted after it are forgotten. Works while frozen.

        Raises
        ------
        PolicyError
            No such policy is kept, it has expired by then, or the period does not follow from the clock.
        """
        with self._writing:
            timeline = self._timeline
            earlier = timeline.accepted[:-1]
            found = [e for e in earlier if version is None or e.snapshot.version == version]
            if not found:
                kept = first([e.snapshot.version for e in reversed(earlier)], 8) or "none"
                raise PolicyError("no such earlier policy", "rollback", f"kept, newest first: {kept}")
            start = self._start(found[-1], from_period, now=now)
            refuse_mismatch(found[-1], found[-1], start)
            self._timeline = timeline.back(found[-1], start)
        return self.live(start)

    def freeze(self) -> None:
        """Refuse swaps until :meth:`unfreeze`; rolling back still works."""
        with self._writing:
            self._frozen = True

    def unfreeze(self) -> None:
        """Accept swaps again."""
        with self._writing:
            self._frozen = False

    def live(self, period: int | None = None) -> Live:
        """Which policy decides a period: by default the one that runs, or the newest where no clock says which runs."""
        timeline = self._timeline
        if period is None:
            period = timeline.since if self._actions.period_us is None else self.period(self._clock())
        return live_at(timeline, period, frozen=self._frozen)

    def _refuse_frozen(self) -> None:
        if self._frozen:
            raise PolicyError("the decider is frozen", "swap", "unfreeze it first")

    def _start(self, entry: TimelineEntry, from_period: int | None, *, now: bool) -> int:
        """The period from which an entry decides: as asked for, or the next boundary by the clock."""
        if from_period is not None:
            return whole(from_period)
        own = entry.snapshot.policy.from_period
        if self._actions.period_us is None:
            if own is None or now:
                do = "give from_period, or publish with [actions] period_days"
                raise PolicyError("the next period does not follow from the clock", "from_period", do)
            return own
        running = self.period(self._clock())
        return running if now else max(running + 1, entry.snapshot.first)

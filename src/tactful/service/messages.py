"""What goes in and out over HTTP, with examples; anything else is answered with 422 and a line that says why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from tactful.core.instants import YEARS, describe_mistake, is_plausible
from tactful.serving.zones import micros

Text = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
Period = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
# Send instants are those of calendars: 1906 to 2160 by weeks.
NearPeriod = Annotated[int, Field(ge=-100_000, le=100_000)]


def _check_instant(at: datetime) -> datetime:
    """Refuse instants that cannot be meant."""
    at_us = micros(at)
    if not is_plausible(at_us):
        mistake = describe_mistake(at_us)
        raise ValueError(f"a time outside {YEARS}" + f": {mistake}" * bool(mistake))
    return at


Instant = Annotated[AwareDatetime, AfterValidator(_check_instant)]


class Message(BaseModel):
    """A strict message: an unknown member is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Whom(Message):
    """What rules need to know of a person."""

    zone: Text | None = Field(None, examples=["Europe/Paris"])
    country: Text | None = Field(None, examples=["FR"])
    jurisdiction: Text | None = Field(None, examples=["US-FL"])


class DecideRequest(Message):
    """One user in one period: the period that is asked for, or the one that holds the time of the decision."""

    user: Name | int = Field(examples=["u-42"])
    segment: Text = Field("", examples=["ios/new"])
    period: Period | None = Field(None, examples=[2960])
    at: Instant | None = Field(None, description="When it is decided; now by default.")
    context: dict[Name, FiniteFloat | None] | None = Field(None, examples=[{"recent_sends": 3}])
    eligible: list[bool] | None = Field(None, max_length=10_000)
    person: Whom | None = Field(None, description="Where given, the service's rules say which actions are eligible.")
    channel: Text = Field("", examples=["push"])


class DecisionReply(Message):
    """The decision; ``repeated`` says that it was made before, ``journaled`` that it is a decision of the policy."""

    id: str
    user: str
    period: int
    segment: str
    arm: str
    action: str = Field(examples=["3x@19:30"])
    slot: str | None = Field(examples=["19:30"])
    frequency: int | None = Field(examples=[3])
    propensity: float = Field(examples=[0.42])
    policy: str
    scope: str
    fallback: str | None
    repeated: bool
    journaled: bool


class BatchRequest(Message):
    """Many users at once."""

    requests: list[DecideRequest] = Field(min_length=1)


class BatchReply(Message):
    """One decision for each request, in their order."""

    decisions: list[DecisionReply]


class CadenceRequest(Message):
    """A cadence to plan: an action of the policy in a period."""

    name: Name = Field(examples=["newsletter"])
    action: Name = Field(examples=["3x@19:30"])
    period: NearPeriod = Field(examples=[2960])
    channel: Text = Field("", examples=["push"])
    category: Text = Field("", examples=["news"])
    priority: FiniteFloat = 0.0
    expires_at: AwareDatetime | None = None


class TransactionalRequest(Message):
    """A notification that nothing may hold up."""

    name: Name = Field(examples=["receipt"])
    at: AwareDatetime = Field(examples=["2026-09-24T10:00:00Z"])
    channel: Text = ""


class ScheduleRequest(Message):
    """What is wanted for one user."""

    user: Name | int = Field(examples=["u-42"])
    person: Whom | None = None
    cadences: list[CadenceRequest] = Field(default_factory=list[CadenceRequest], max_length=50)
    transactional: list[TransactionalRequest] = Field(default_factory=list[TransactionalRequest], max_length=50)


class PlannedSend(Message):
    """One send, and the reasons for its time, or for its absence."""

    name: str
    state: Literal["planned", "moved", "dropped", "bypassed"]
    at: str | None = Field(examples=["2026-09-24T17:30:00+00:00"])
    day: str
    slot: str | None
    channel: str
    category: str
    trace: list[str] = Field(examples=[["19:30 on Thursday 2026-09-24 in Europe/Paris"]])


class ScheduleReply(Message):
    """All sends that were asked for, the dropped ones too."""

    sends: list[PlannedSend]


class EventRequest(Message):
    """Something that happened: an outcome, a send that was made, or a consent that was given or withdrawn."""

    id: Name = Field(examples=["evt-1"])
    kind: Literal["outcome", "send", "consent"] = "outcome"
    user: Name | int = Field(examples=["u-42"])
    at: Instant = Field(examples=["2026-09-24T18:00:00Z"])
    scope: Text = ""
    name: Name | None = Field(None, examples=["opened"])
    value: FiniteFloat | None = Field(None, examples=[1])
    trials: FiniteFloat | None = None
    decision: Name | None = Field(None, description="The id of the decision that it belongs to, where it is known.")
    channel: Text | None = None
    category: Text | None = None
    day: Text | None = None
    slot: Text | None = None
    granted: bool | None = None

    def body(self) -> dict[str, Any]:
        """What the journal keeps beside id, kind, user, time and scope."""
        own = ("name", "value", "trials", "decision", "channel", "category", "day", "slot", "granted")
        return {k: v for k in own if (v := getattr(self, k)) is not None}


class OutcomesRequest(Message):
    """Events, some of which may have been posted before."""

    events: list[EventRequest] = Field(min_length=1)


class OutcomesReply(Message):
    """What became of each, by its id; all of them are durable."""

    statuses: dict[str, Literal["stored", "duplicate", "decided", "erased"]]


class PolicyReply(Message):
    """Which policy is live."""

    version: str
    from_period: int | None
    until_period: int | None
    accepted_at: str
    source: str
    sha256: str | None
    frozen: bool
    fallback: str | None


class PolicyRequest(Message):
    """What the person on call may ask for."""

    do: Literal["rollback", "freeze", "unfreeze"]
    version: Text | None = None
    now: bool = False


class Health(Message):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(Message):
    """Whether decisions can be made and journaled."""

    ready: bool
    why: str = ""


class Erased(Message):
    """How many events of a user were deleted."""

    events: int


class Problem(BaseModel):
    """Why a request was refused."""

    error: str

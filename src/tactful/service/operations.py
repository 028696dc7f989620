"""What the service does: each operation is a promise that was kept in the journal before it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from tactful.core.actions import NONE
from tactful.errors import PolicyError
from tactful.journal.event import Event
from tactful.journal.journal import Journal
from tactful.service import messages as m
from tactful.service.coalescing import Together
from tactful.service.metrics import Metrics
from tactful.service.settings import Settings
from tactful.serving import Decider
from tactful.serving.bypass import BypassWatch
from tactful.serving.decision import Decision
from tactful.serving.limiter import Sent
from tactful.serving.rules import TRANSACTIONAL
from tactful.serving.schedule import Intent, Person, Send, eligible, schedule
from tactful.serving.zones import micros, wall, zone

NO_CONSENT = "no consent"
HISTORY_US = 32 * 86_400_000_000  # rules look back a month at most


class Operations:
    """The endpoints; ``app.create_app`` gives them their paths."""

    def __init__(self, settings: Settings, decider: Decider, journal: Journal, metrics: Metrics) -> None:
        self._settings, self._decider, self._journal, self._metrics = settings, decider, journal, metrics
        self._watch = BypassWatch()
        self._consents = Together(lambda users: journal.of_users(users, "consent"))
        self._sends = Together(
            lambda users: journal.of_users(users, "send", since_us=time.time_ns() // 1000 - HISTORY_US)
        )

    async def decide(self, request: m.DecideRequest) -> m.DecisionReply:
        """Decide for a user, once for every period: whoever asks again gets the decision that was made."""
        return await self._decide(request)

    async def decide_batch(self, batch: m.BatchRequest) -> m.BatchReply:
        """Decide for many users."""
        self._refuse_many(len(batch.requests))
        return m.BatchReply(decisions=await asyncio.gather(*map(self._decide, batch.requests)))

    async def schedule(self, request: m.ScheduleRequest) -> m.ScheduleReply:
        """When the sends of a user's cadences are made, with the reason for each; nothing is recorded."""
        actions = self._decider.actions
        intents = [
            Intent.of(
                c.name,
                c.period,
                actions,
                c.action,
                channel=c.channel,
                category=c.category,
                priority=c.priority,
                expires_us=None if c.expires_at is None else micros(c.expires_at),
            )
            for c in request.cadences
        ]
        for t in request.transactional:
            at = micros(t.at)
            intents.append(Intent(t.name, at, at, channel=t.channel, category=TRANSACTIONAL))
        history = await self._history(str(request.user))
        sends = await run_in_threadpool(
            schedule, intents, _person(request.user, request.person), self._settings.rules, history
        )
        return m.ScheduleReply(sends=[_planned(send) for send in sends])

    async def outcomes(self, batch: m.OutcomesRequest) -> m.OutcomesReply:
        """Take outcomes, sends that were made, and consents; answered once all of them are durable."""
        self._refuse_many(len(batch.events))
        made = [Event(e.id, e.kind, str(e.user), micros(e.at), scope=e.scope, body=e.body()) for e in batch.events]
        acks = await asyncio.gather(*[asyncio.wrap_future(self._journal.submit(event)) for event in made])
        for event, ack in zip(made, acks, strict=True):
            self._metrics.events.labels(event.kind, ack.status).inc()
            if event.kind == "send" and ack.status == "stored":
                self._watch_bypass(event)
        return m.OutcomesReply.model_validate({"statuses": {ack.id: ack.status for ack in acks}})

    async def policy(self, period: m.Period | None = None) -> m.PolicyReply:
        """Which policy is live in a period, by default in the one that is running."""
        return m.PolicyReply.model_validate(self._decider.live(period)._asdict())

    async def change_policy(self, request: m.PolicyRequest) -> m.PolicyReply:
        """Roll back, freeze or unfreeze."""
        if request.do == "rollback":
            live = self._decider.rollback(request.version, now=request.now)
        else:
            (self._decider.freeze if request.do == "freeze" else self._decider.unfreeze)()
            live = self._decider.live()
        return m.PolicyReply.model_validate(live._asdict())

    async def erase(self, user: m.Name) -> m.Erased:
        """Delete all that the journal holds of a user."""
        return m.Erased(events=await run_in_threadpool(self._journal.erase, user))

    async def health(self) -> m.Health:
        """Whether the process answers; needs no key."""
        return m.Health()

    async def ready(self, response: Response) -> m.Ready:
        """Whether decisions can be made and journaled: 503 where not."""
        try:
            await run_in_threadpool(self._journal.check)
            return m.Ready(ready=True)
        except Exception as error:
            response.status_code = 503
            return m.Ready(ready=False, why=str(error))

    async def exposition(self) -> Response:
        """Counters for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def _decide(self, request: m.DecideRequest) -> m.DecisionReply:
        user = str(request.user)
        now = time.time_ns() // 1000 if request.at is None else micros(request.at)
        period = self._decider.period(now) if request.period is None else request.period
        consents = await self._consents.of(user)
        if consents and consents[-1].body.get("granted") is False:
            return self._without_consent(user, period, request.segment)
        may = await self._eligible(request, user, period)
        context = {name: value for name, value in (request.context or {}).items() if value is not None}
        made = self._decider.decide(user, period, request.segment, context or None, may)
        body = _body(made, request, may)
        event = Event(_id(user, period, made.scope), "decision", user, now, period=period, scope=made.scope, body=body)
        ack = await asyncio.wrap_future(self._journal.submit(event))
        self._metrics.events.labels("decision", ack.status).inc()
        if ack.first is not None:
            self._metrics.repeated.inc()
            event = ack.first
        elif ack.status == "stored":
            self._metrics.decisions.labels(made.arm, made.action).inc()
            if made.fallback is not None:
                self._metrics.fallbacks.inc()
        return _reply(event, repeated=ack.first is not None, journaled=ack.status != "erased")

    async def _eligible(self, request: m.DecideRequest, user: str, period: int) -> Sequence[bool] | None:
        """The mask that was given, and what the rules leave of it where the person is known."""
        given = request.eligible
        if request.person is None:
            return given
        if abs(period) > 100_000:
            raise PolicyError(f"period {period} is of no calendar", "period", "give the index of a period")
        person, history = _person(user, request.person), await self._history(user)
        allowed = eligible(self._decider.actions, period, person, self._settings.rules, history, request.channel)
        if given is None or len(given) != len(allowed):
            return allowed if given is None else given
        return [a and g for a, g in zip(allowed, given, strict=True)]

    async def _history(self, user: str) -> list[Sent]:
        return [_sent(event) for event in await self._sends.of(user) or ()]

    def _without_consent(self, user: str, period: int, segment: str) -> m.DecisionReply:
        """Nothing is sent to who has withdrawn consent, and that is no decision of the policy."""
        if NONE not in self._decider.actions.names:
            raise PolicyError("the user has withdrawn consent", "user", "send nothing")
        scope = self._decider.policy.scope
        made = Decision(user, period, segment, "policy", NONE, None, 0, 1.0, "", scope, NO_CONSENT)
        event = Event(_id(user, period, scope), "decision", user, 0, period=period, scope=scope, body=_plain(made))
        return _reply(event, repeated=False, journaled=False)

    def _watch_bypass(self, event: Event) -> None:
        source = str(event.body.get("channel", ""))
        transactional = event.body.get("category") == TRANSACTIONAL
        if self._watch.count(source, event.user, event.at_us, transactional=transactional) is not None:
            self._metrics.alarms.labels(source).inc()

    def _refuse_many(self, count: int) -> None:
        if count > self._settings.max_batch:
            raise PolicyError(f"{count:,} at once", "batch", f"send at most {self._settings.max_batch:,}")


def _id(user: str, period: int, scope: str) -> str:
    """The id of a decision follows from what was decided, so that a retry is known as one."""
    text = f"{user}\x1f{period}\x1f{scope}".encode()
    return "d-" + blake2b(text, digest_size=16).hexdigest()


def _plain(made: Decision) -> dict[str, Any]:
    kept = ("segment", "arm", "action", "slot", "frequency", "propensity", "policy", "fallback")
    return {name: getattr(made, name) for name in kept}


def _body(made: Decision, request: m.DecideRequest, may: Sequence[bool] | None) -> dict[str, Any]:
    """What the log will need: the decision, the mask and the context that it was made with."""
    body = _plain(made)
    if may is not None:
        body["eligible"] = list(may)
    return body | {f"x_{name}": value for name, value in (request.context or {}).items() if value is not None}


def _reply(event: Event, *, repeated: bool, journaled: bool) -> m.DecisionReply:
    names = ("segment", "arm", "action", "slot", "frequency", "propensity", "policy", "fallback")
    body = {name: event.body.get(name) for name in names}
    of = {"id": event.id, "user": event.user, "period": event.period, "scope": event.scope}
    return m.DecisionReply.model_validate({**of, **body, "repeated": repeated, "journaled": journaled})


def _person(user: str | int, whom: m.Whom | None) -> Person:
    return Person(user) if whom is None else Person(user, whom.zone, whom.country, whom.jurisdiction)


def _sent(event: Event) -> Sent:
    channel, category, day = (str(event.body.get(k, "")) for k in ("channel", "category", "day"))
    return Sent(event.at_us, channel, category, day, event.body.get("slot"))


def _planned(send: Send) -> m.PlannedSend:
    utc = zone("UTC")
    at = None if send.at_us is None or utc is None else wall(send.at_us, utc).isoformat()
    own = send._asdict()
    plain = {name: own[name] for name in ("state", "day", "slot", "channel", "category")}
    return m.PlannedSend(name=send.intent, at=at, trace=list(send.trace), **plain)

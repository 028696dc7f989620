"""The specifications of the weekly log that the world writes, and of its sends."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tactful.core.actions import DAY_US
from tactful.simulate.records import CONTEXT, OUTCOMES
from tactful.simulate.world_config import WorldConfig

ACTIONS = """\
[actions]                       # a grid of cadences: every frequency at every local send time, and none
slots = {slots}
frequencies = {frequencies}   # sends per period, at most one a day
none = {none}
period_days = 7
"""

REACTIONS = """\
opens = {{ column = "opens", kind = "count", trials = "opens_trials", window_days = {opens}, null = "immature" }}
opted_out = {{ column = "opted_out", kind = "binary", absorbing = true, window_days = {opted_out}, null = "immature" }}
"""

SPEC = (
    """\
# How to read the decision log of tactful's simulated world.

"""
    + ACTIONS
    + """
[columns]                       # canonical names
user = "user"
period = "period"
decided_at = "decided_at"
segment = "segment"             # a path: platform/lifecycle/chronotype
action = "action"
propensity = "propensity"
context = {context}   # decayed sends; sends a week over the four weeks before

[outcomes]                      # late opens and opt-outs count for the week that caused them: the windows say how late
engaged = {{ column = "engaged", kind = "count", window_days = {engaged}, null = "immature" }}   # sessions
"""
    + REACTIONS
    + """
[objective]                     # per decision: an opt-out costs as much as 15 sessions
engaged = 1.0
opted_out = -15.0

[limits]
opted_out = 0.005               # mean per decision

[log]
timezone = "UTC"
as_of = "{as_of}"
propensities_are = "logged"
"""
)

SENDS = (
    """\
# How to roll up the sends of tactful's simulated world into decisions, and how to read these.

"""
    + ACTIONS
    + """
[outcomes]                      # no sessions: those of their own are not among the sends
"""
    + REACTIONS
    + """
[objective]                     # per decision
opens = 1.0
opted_out = -15.0

[rollup]
time = "sent_at"
segment = "segment"
local_time = "slot"
lag_days = 1                    # a period's sends begin the day after its decision
from = "start"

[rollup.outcomes]
opens = {{ time = "opened_at" }}
opted_out = {{ time = "opted_out_at" }}

[log]
timezone = "UTC"
as_of = "{as_of}"
"""
)


def world_spec(config: WorldConfig | None = None, as_of: int | None = None) -> str:
    """The ``spec.toml`` of the log of ``World(config).simulate``, whose actions must be a grid.

    ``as_of`` in µs UTC is ``log.as_of``; None leaves it to the newest time in the file.
    """
    return _filled(SPEC, config, as_of)


def sends_spec(config: WorldConfig | None = None, as_of: int | None = None) -> str:
    """The spec that rolls up its sends, as ``simulate(events=True)`` keeps them, and reads what comes of it."""
    return _filled(SENDS, config, as_of)


def _filled(text: str, config: WorldConfig | None, as_of: int | None) -> str:
    actions = (config or WorldConfig()).actions
    at = "max" if as_of is None else datetime.fromtimestamp(as_of / 1_000_000, UTC).isoformat()
    return text.format(
        slots=json.dumps(list(dict.fromkeys(s for s in actions.slots if s))),
        frequencies=json.dumps(list(dict.fromkeys(f for f in actions.frequencies if f))),
        none=json.dumps(0 in actions.frequencies),
        context=json.dumps(list(CONTEXT)),
        as_of=at,
        **{o.name: o.window_us // DAY_US for o in OUTCOMES},
    )

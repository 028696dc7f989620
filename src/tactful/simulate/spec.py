"""The specification of the log that a simulated week writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tactful.core.actions import ActionSpace
from tactful.simulate.weekly import WeeklyWorld

SPEC = """\
# How to read the decision log of tactful's simulated weekly world.

[actions]                       # a grid of cadences: every frequency at every local send time, and none
slots = {slots}
frequencies = {frequencies}   # sends per period, at most one a day
none = {none}
period_days = 7

[columns]                       # canonical names
user = "user"
period = "period"
decided_at = "decided_at"
segment = "segment"             # a path: platform/lifecycle/chronotype
action = "action"
propensity = "propensity"
context = ["recent_sends"]      # decayed sends before the decision, half-life one week

[outcomes]                      # a week's outcomes are unknown before the week is over
engaged = {{ column = "engaged", kind = "count", window_days = 7, null = "immature" }}   # sessions
opens = {{ column = "opens", kind = "count", trials = "opens_trials", window_days = 7, null = "immature" }}
opted_out = {{ column = "opted_out", kind = "binary", absorbing = true, window_days = 7, null = "immature" }}

[objective]                     # per decision: an opt-out costs as much as 15 sessions
engaged = 1.0
opted_out = -15.0

[limits]
opted_out = 0.004               # mean per decision

[log]
timezone = "UTC"
as_of = "{as_of}"
propensities_are = "logged"
"""


def spec_toml(actions: ActionSpace | None = None, as_of: int | None = None) -> str:
    """The ``spec.toml`` of the log that a :class:`WeeklyWorld` writes; ``actions`` must be a grid, None is its own.

    ``as_of`` in µs UTC is ``log.as_of``; None leaves it to the newest time in the file.
    """
    actions = actions or WeeklyWorld().actions
    slots = json.dumps(list(dict.fromkeys(s for s in actions.slots if s)))
    frequencies = json.dumps(list(dict.fromkeys(f for f in actions.frequencies if f)))
    none = json.dumps(0 in actions.frequencies)
    at = "max" if as_of is None else datetime.fromtimestamp(as_of / 1_000_000, UTC).isoformat()
    return SPEC.format(slots=slots, frequencies=frequencies, none=none, as_of=at)

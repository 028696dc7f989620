from tactful.serving.bypass import Alarm, BypassWatch
from tactful.serving.contexts import ContextError
from tactful.serving.decider import Decider
from tactful.serving.decider_config import ServingConfig
from tactful.serving.decision import Decision
from tactful.serving.limiter import Limiter, Sent
from tactful.serving.rules import TRANSACTIONAL, Cap, Gap, Rules
from tactful.serving.schedule import BYPASSED, DROPPED, MOVED, PLANNED, Intent, Person, Send, eligible, schedule
from tactful.serving.timeline_entries import Live, MismatchError

__all__ = [
    "BYPASSED",
    "DROPPED",
    "MOVED",
    "PLANNED",
    "TRANSACTIONAL",
    "Alarm",
    "BypassWatch",
    "Cap",
    "ContextError",
    "Decider",
    "Decision",
    "Gap",
    "Intent",
    "Limiter",
    "Live",
    "MismatchError",
    "Person",
    "Rules",
    "Send",
    "Sent",
    "ServingConfig",
    "eligible",
    "schedule",
]

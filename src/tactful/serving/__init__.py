"""Deciding in a service: numpy and the standard library alone."""

from tactful import _faces

_faces.show(
    __name__,
    {
        "serving.decider": ["Decider"],
        "serving.decider_config": ["ServingConfig"],
        "serving.decision": ["Decision"],
        "serving.timeline_entries": ["Live", "MismatchError"],
        "serving.contexts": ["ContextError"],
        "serving.bypass": ["Alarm", "BypassWatch"],
        # Plans of sends.
        "serving.schedule": [
            "BYPASSED",
            "DROPPED",
            "Intent",
            "MOVED",
            "PLANNED",
            "Person",
            "Send",
            "eligible",
            "schedule",
        ],
        "serving.rules": ["Cap", "Gap", "Rules", "TRANSACTIONAL"],
        "serving.limiter": ["Limiter", "Sent"],
    },
)

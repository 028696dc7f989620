"""Worlds with known truth, for demonstrations, tests and studies."""

from tactful import _faces

_faces.show(
    __name__,
    {
        "simulate.world_config": ["Drift", "Leaf", "WorldConfig", "lively"],
        "simulate.world": ["World"],
        "simulate.simulated": ["Events", "Simulated"],
        "simulate.world_spec": ["sends_spec", "world_spec"],
        "simulate.engine": ["Engine", "MEASURES"],
        "simulate.people": ["People", "draw_people"],
        "simulate.plans": ["ByFatigue", "CadenceTable", "Decided", "Drawn", "Fixed", "Plan", "bucket"],
        "simulate.course": ["Course", "Week"],
        "simulate.value": ["Figure", "Value"],
        "simulate.optimal": ["BOUNDS", "Search"],
        "simulate.hours": ["leaf_slots"],
        "simulate.trial": ["Coin", "run as run_trial"],
        "simulate.status_quo": ["StatusQuo", "status_quo"],
        "simulate.markov_world": ["MarkovWorld"],
        "simulate.plain_world": ["PlainWorld"],
    },
)

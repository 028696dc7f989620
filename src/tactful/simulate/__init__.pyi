from tactful.simulate.course import Course, Week
from tactful.simulate.engine import MEASURES, Engine
from tactful.simulate.hours import leaf_slots
from tactful.simulate.markov_world import MarkovWorld
from tactful.simulate.optimal import BOUNDS, Search
from tactful.simulate.people import People, draw_people
from tactful.simulate.plain_world import PlainWorld
from tactful.simulate.plans import ByFatigue, CadenceTable, Decided, Drawn, Fixed, Plan, bucket
from tactful.simulate.simulated import Events, Simulated
from tactful.simulate.status_quo import StatusQuo, status_quo
from tactful.simulate.trial import Coin
from tactful.simulate.trial import run as run_trial
from tactful.simulate.value import Figure, Value
from tactful.simulate.world import World
from tactful.simulate.world_config import Drift, Leaf, WorldConfig, lively
from tactful.simulate.world_spec import sends_spec, world_spec

__all__ = [
    "BOUNDS",
    "MEASURES",
    "ByFatigue",
    "CadenceTable",
    "Coin",
    "Course",
    "Decided",
    "Drawn",
    "Drift",
    "Engine",
    "Events",
    "Figure",
    "Fixed",
    "Leaf",
    "MarkovWorld",
    "People",
    "PlainWorld",
    "Plan",
    "Search",
    "Simulated",
    "StatusQuo",
    "Value",
    "Week",
    "World",
    "WorldConfig",
    "bucket",
    "draw_people",
    "leaf_slots",
    "lively",
    "run_trial",
    "sends_spec",
    "status_quo",
    "world_spec",
]

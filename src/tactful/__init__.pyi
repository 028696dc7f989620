from tactful.batch.decide import Decisions
from tactful.batch.decide import decide as decide_rows
from tactful.batch.pmf import pmf_of
from tactful.core.actions import DAY_US, ActionSpace, time_us
from tactful.core.draw import user_keys
from tactful.core.features import Features
from tactful.core.lineage import Lineage
from tactful.core.log import Coded, Log, Measured
from tactful.core.outcomes import Limits, Objective, Outcome
from tactful.core.segments import Segments
from tactful.diagnostics.check import Check, check
from tactful.diagnostics.drift import Disagreement, drift
from tactful.diagnostics.finding import Finding
from tactful.diagnostics.outcome_health import OutcomeHealth
from tactful.diagnostics.support import Support
from tactful.errors import (
    JournalBusyError,
    JournalError,
    LogError,
    MissingExtraError,
    NothingToSayError,
    PolicyError,
    PolicyFormatError,
    SpecError,
    TactfulError,
)
from tactful.evaluation.action_groups import Banding
from tactful.evaluation.evaluate import evaluate
from tactful.evaluation.opt_out_price import Price, opt_out_price
from tactful.evaluation.results import EstimateRow, Evaluation, IntervalRow, SequentialEvaluation
from tactful.frames.building.event_frames import events_of, read_events
from tactful.frames.building.join import Joined, join
from tactful.frames.building.rollup import Rollup, rollup
from tactful.frames.decisions import decide, users_of, write_decisions
from tactful.frames.fatigue import Fading, with_dose
from tactful.frames.partitions import PartitionedLog, events_frame, write_partitions
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec, Measure
from tactful.frames.write import canonical_spec, to_frame, write_log
from tactful.learners.replay import replay
from tactful.learners.results import Batch, Regret, Replay
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.contextual.linear import Linear
from tactful.models.contextual.logistic import Logistic
from tactful.models.hierarchical.posterior import Hierarchical
from tactful.optimisation.cautious import Cautious
from tactful.optimisation.explorers import UCB, EpsilonGreedy, Explorer, Greedy, InverseGap, Softmax, Thompson
from tactful.optimisation.publish import publish
from tactful.planning.from_guess import Guess
from tactful.planning.frontier import Frontier, FrontierPoint, frontier
from tactful.planning.power import power
from tactful.planning.slice_size import Need, decisions_needed
from tactful.planning.verdict_chance import Prospect, Prospects, chance_seen
from tactful.policies.arms import Arms
from tactful.policies.artifact import load, save
from tactful.policies.bank_score import BankScore
from tactful.policies.contextual import Contextual
from tactful.policies.exploration_rules import Rule
from tactful.policies.linear_score import LinearScore
from tactful.policies.protocol import Policy, Published
from tactful.policies.table import Table
from tactful.policies.table import always as constant_policy
from tactful.policies.table import uniform as uniform_policy
from tactful.policies.terms import Terms
from tactful.promotion.gate import gate
from tactful.promotion.monitor import PolicyMonitor
from tactful.promotion.results import CandidateVerdict, Claim, Verdict
from tactful.simulate.world import World

__all__ = [
    "DAY_US",
    "UCB",
    "ActionSpace",
    "Arms",
    "Banding",
    "BankScore",
    "Batch",
    "CandidateVerdict",
    "Cautious",
    "Check",
    "Claim",
    "Coded",
    "Conjugate",
    "Contextual",
    "Decisions",
    "Disagreement",
    "EpsilonGreedy",
    "EstimateRow",
    "Evaluation",
    "Explorer",
    "Fading",
    "Features",
    "Finding",
    "Frontier",
    "FrontierPoint",
    "Greedy",
    "Guess",
    "Hierarchical",
    "IntervalRow",
    "InverseGap",
    "Joined",
    "JournalBusyError",
    "JournalError",
    "Limits",
    "Lineage",
    "Linear",
    "LinearScore",
    "Log",
    "LogError",
    "LogSpec",
    "Logistic",
    "Measure",
    "Measured",
    "MissingExtraError",
    "Need",
    "NothingToSayError",
    "Objective",
    "Outcome",
    "OutcomeHealth",
    "PartitionedLog",
    "Policy",
    "PolicyError",
    "PolicyFormatError",
    "PolicyMonitor",
    "Price",
    "Prospect",
    "Prospects",
    "Published",
    "Regret",
    "Replay",
    "Rollup",
    "Rule",
    "Segments",
    "SequentialEvaluation",
    "Softmax",
    "SpecError",
    "Support",
    "Table",
    "TactfulError",
    "Terms",
    "Thompson",
    "Verdict",
    "World",
    "canonical_spec",
    "chance_seen",
    "check",
    "constant_policy",
    "decide",
    "decide_rows",
    "decisions_needed",
    "drift",
    "evaluate",
    "events_frame",
    "events_of",
    "frontier",
    "gate",
    "join",
    "load",
    "opt_out_price",
    "pmf_of",
    "power",
    "publish",
    "read_events",
    "read_log",
    "replay",
    "rollup",
    "save",
    "time_us",
    "to_frame",
    "uniform_policy",
    "user_keys",
    "users_of",
    "with_dose",
    "write_decisions",
    "write_log",
    "write_partitions",
]
__version__: str

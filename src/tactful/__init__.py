"""tactful: learn when and how often to notify each segment of users, prove the gain offline, serve the policy."""

from tactful import _faces

__version__ = "0.1.0"

_faces.show(
    __name__,
    {
        "core.actions": ["ActionSpace", "DAY_US", "time_us"],
        "core.draw": ["user_keys"],
        "core.features": ["Features"],
        "core.lineage": ["Lineage"],
        "core.log": ["Coded", "Log", "Measured"],
        "core.outcomes": ["Limits", "Objective", "Outcome"],
        "core.segments": ["Segments"],
        "errors": [
            "JournalBusyError",
            "JournalError",
            "LogError",
            "MissingExtraError",
            "NothingToSayError",
            "PolicyError",
            "PolicyFormatError",
            "SpecError",
            "TactfulError",
        ],
        # Data in and out.
        "frames.spec.log_spec": ["LogSpec", "Measure"],
        "frames.reading.read_log": ["read_log"],
        "frames.write": ["canonical_spec", "to_frame", "write_log"],
        "frames.building.rollup": ["Rollup", "rollup"],
        "frames.building.event_frames": ["of_rows as events_of", "read as read_events"],
        "frames.building.join": ["Joined", "join"],
        "frames.decisions": ["decide", "users_of", "write_decisions"],
        "frames.fatigue": ["Fading", "with_dose"],
        "frames.partitions": ["Written", "events_frame", "write_partitions"],
        # Learning.
        "models.conjugate.posterior": ["Conjugate"],
        "models.contextual.linear": ["Linear"],
        "models.contextual.logistic": ["Logistic"],
        "models.hierarchical.posterior": ["Hierarchical"],
        "optimisation.explorers": [
            "Cautious",
            "EpsilonGreedy",
            "Greedy",
            "InverseGap",
            "Softmax",
            "Thompson",
            "UCB",
        ],
        "optimisation.publish": ["publish"],
        # Policies.
        "policies.arms": ["Arms"],
        "policies.artifact": ["load", "save"],
        "policies.contextual": ["Contextual"],
        "policies.protocol": ["Policy", "Published"],
        "policies.table": ["Table", "always as constant_policy", "uniform as uniform_policy"],
        "policies.terms": ["Terms"],
        "batch.decide": ["Decisions", "decide as decide_rows"],
        "batch.pmf": ["pmf_of"],
        # Evaluation and what rests on it.
        "diagnostics.check": ["Check", "check"],
        "diagnostics.drift": ["drift"],
        "diagnostics.finding": ["Finding"],
        "evaluation.evaluate": ["evaluate"],
        "evaluation.opt_out_price": ["opt_out_price"],
        "evaluation.results": ["Evaluation"],
        "learners.replay": ["replay"],
        "learners.results": ["Replay"],
        "planning.frontier": ["Frontier", "frontier"],
        "planning.power": ["Guess", "Need", "decisions_needed", "power"],
        "planning.verdict_chance": ["Prospect", "Prospects", "chance_seen"],
        "promotion.gate": ["gate"],
        "promotion.monitor": ["Watch"],
        "promotion.results": ["Claim", "Verdict"],
        # The simulated world, for examples.
        "simulate.world": ["World"],
    },
)

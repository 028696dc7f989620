"""Off-policy evaluation: functions of rewards, weights and reward models; no policy and no file is known here."""

from tactful import _faces

_faces.show(
    __name__,
    {
        "core.estimate": ["Estimate", "effective_sample_size"],
        # Estimators.
        "ope.estimators": [
            "clipped_ips",
            "dm",
            "dr",
            "ips",
            "marginal_weights",
            "mips",
            "shrunk_dr",
            "sndr",
            "snips",
            "switch_dr",
        ],
        "ope.slope": ["Choice", "choose_clip", "choose_shrink", "choose_switch"],
        "ope.trajectories": ["Trajectories", "align"],
        "ope.sequential": ["marginalised", "pdis", "sequential_dr", "weighted_pdis"],
        "ope.weights": ["on_rows"],
        # Intervals.
        "ope.bernstein": ["empirical_bernstein"],
        "ope.betting": ["Certificate", "betting", "certify", "excluded_at", "keeps", "watch"],
        "ope.bootstrap": ["bootstrap", "bootstrap_replicates"],
        "ope.intervals": ["Interval", "cluster_t"],
        "ope.wealth": ["Stakes", "stakes"],
        # What an estimate is worth.
        "ope.reliability": [
            "Assessment",
            "Circumstances",
            "Reliability",
            "WeightDiagnostics",
            "assess",
            "weighted_events",
        ],
        # Before data, and while a policy runs.
        "ope.certificate_power": ["Design", "chance_kept", "users_to_keep"],
        "ope.sample_size": ["chance_of_verdict", "needed", "users_needed", "z_needed"],
        "ope.e_process": ["Monitor"],
        # Time.
        "ope.delay": ["Curve", "corrected_rate", "km"],
        "ope.markov_test": ["MarkovTest", "markov_test"],
    },
)

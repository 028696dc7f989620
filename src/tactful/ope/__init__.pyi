from tactful.core.estimate import Estimate, effective_sample_size
from tactful.ope.bernstein import empirical_bernstein
from tactful.ope.betting import Certificate, betting, certify, excluded_at, keeps, watch
from tactful.ope.bootstrap import bootstrap, bootstrap_replicates
from tactful.ope.certificate_power import Design, chance_kept, users_to_keep
from tactful.ope.delay import Curve, corrected_rate, km
from tactful.ope.e_process import Monitor
from tactful.ope.estimators import clipped_ips, dm, dr, ips, marginal_weights, mips, shrunk_dr, sndr, snips, switch_dr
from tactful.ope.intervals import Interval, cluster_t
from tactful.ope.markov_test import MarkovTest, markov_test
from tactful.ope.reliability import Assessment, Circumstances, Reliability, WeightDiagnostics, assess, weighted_events
from tactful.ope.sample_size import chance_of_verdict, needed, users_needed, z_needed
from tactful.ope.sequential import marginalised, pdis, sequential_dr, weighted_pdis
from tactful.ope.slope import Choice, choose_clip, choose_shrink, choose_switch
from tactful.ope.trajectories import Trajectories, align
from tactful.ope.wealth import Stakes, stakes
from tactful.ope.weights import on_rows

__all__ = [
    "Assessment",
    "Certificate",
    "Choice",
    "Circumstances",
    "Curve",
    "Design",
    "Estimate",
    "Interval",
    "MarkovTest",
    "Monitor",
    "Reliability",
    "Stakes",
    "Trajectories",
    "WeightDiagnostics",
    "align",
    "assess",
    "betting",
    "bootstrap",
    "bootstrap_replicates",
    "certify",
    "chance_kept",
    "chance_of_verdict",
    "choose_clip",
    "choose_shrink",
    "choose_switch",
    "clipped_ips",
    "cluster_t",
    "corrected_rate",
    "dm",
    "dr",
    "effective_sample_size",
    "empirical_bernstein",
    "excluded_at",
    "ips",
    "keeps",
    "km",
    "marginal_weights",
    "marginalised",
    "markov_test",
    "mips",
    "needed",
    "on_rows",
    "pdis",
    "sequential_dr",
    "shrunk_dr",
    "sndr",
    "snips",
    "stakes",
    "switch_dr",
    "users_needed",
    "users_to_keep",
    "watch",
    "weighted_events",
    "weighted_pdis",
    "z_needed",
]

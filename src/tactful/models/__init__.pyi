from tactful.models.base import ContextualPosterior, Posterior
from tactful.models.conjugate.posterior import Conjugate, ConjugatePosterior
from tactful.models.contextual.linear import Linear, LinearPosterior
from tactful.models.contextual.logistic import Logistic, LogisticPosterior
from tactful.models.contextual.moments import Contexts, Moments
from tactful.models.evidence import Evidence
from tactful.models.files import load, save
from tactful.models.hierarchical.posterior import Hierarchical, HierarchicalPosterior
from tactful.models.sufficient_statistics import Sums

__all__ = [
    "Conjugate",
    "ConjugatePosterior",
    "Contexts",
    "ContextualPosterior",
    "Evidence",
    "Hierarchical",
    "HierarchicalPosterior",
    "Linear",
    "LinearPosterior",
    "Logistic",
    "LogisticPosterior",
    "Moments",
    "Posterior",
    "Sums",
    "load",
    "save",
]

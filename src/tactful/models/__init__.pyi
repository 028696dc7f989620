from tactful.models.base import (
    ContextualPosterior,
    DrawsInBlocks,
    Posterior,
    ProvidesFeatures,
    ProvidesLevels,
    ProvidesWatermarks,
)
from tactful.models.conjugate.posterior import Conjugate, ConjugatePosterior
from tactful.models.contextual.linear import Linear, LinearPosterior
from tactful.models.contextual.logistic import Logistic, LogisticPosterior
from tactful.models.contextual.moments import ContextCounter, ContextMoments
from tactful.models.evidence import Evidence
from tactful.models.files import load, save
from tactful.models.hierarchical.posterior import Hierarchical, HierarchicalPosterior
from tactful.models.sufficient_statistics import CellSums, SufficientStatistics

__all__ = [
    "CellSums",
    "Conjugate",
    "ConjugatePosterior",
    "ContextCounter",
    "ContextMoments",
    "ContextualPosterior",
    "DrawsInBlocks",
    "Evidence",
    "Hierarchical",
    "HierarchicalPosterior",
    "Linear",
    "LinearPosterior",
    "Logistic",
    "LogisticPosterior",
    "Posterior",
    "ProvidesFeatures",
    "ProvidesLevels",
    "ProvidesWatermarks",
    "SufficientStatistics",
    "load",
    "save",
]

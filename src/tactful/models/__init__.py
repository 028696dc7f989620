"""Posteriors of outcomes given (segment, action): frozen options, sums that add."""

from tactful import _faces

_faces.show(
    __name__,
    {
        "models.base": [
            "ContextualPosterior",
            "DrawsInBlocks",
            "Posterior",
            "ProvidesFeatures",
            "ProvidesLevels",
            "ProvidesWatermarks",
        ],
        "models.conjugate.posterior": ["Conjugate", "ConjugatePosterior"],
        "models.hierarchical.posterior": ["Hierarchical", "HierarchicalPosterior"],
        "models.contextual.linear": ["Linear", "LinearPosterior"],
        "models.contextual.logistic": ["Logistic", "LogisticPosterior"],
        "models.contextual.moments": ["ContextCounter", "ContextMoments"],
        "models.evidence": ["Evidence"],
        "models.files": ["load", "save"],
        "models.sufficient_statistics": ["CellSums", "SufficientStatistics"],
    },
)

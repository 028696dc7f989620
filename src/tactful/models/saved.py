"""Contextual posteriors as plain members and arrays, and back: what ``models.files`` writes and reads of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.features import Features
from tactful.models.contextual.context_sample import MOST, Sample
from tactful.models.contextual.linear import Linear, LinearPosterior
from tactful.models.contextual.logistic import Logistic, LogisticPosterior
from tactful.models.contextual.moments import Contexts, Moments
from tactful.models.contextual.prior_strength import Strengths
from tactful.models.evidence import Evidence

Contextuals = LinearPosterior | LogisticPosterior
MODELS = {"linear": Linear, "logistic": Logistic}


def head(posterior: Contextuals) -> dict[str, Any]:
    """Members of the JSON beside those of every posterior."""
    plain: dict[str, Any] = {"features": posterior.features.to_json()}
    if isinstance(posterior, LogisticPosterior):
        plain |= {"known": {o: list(x) for o, x in posterior.known.items()}, "rough": list(posterior.rough)}
    return plain


def arrays(posterior: Contextuals) -> dict[str, F64 | I64]:
    """The sample, beside the sums."""
    kept = posterior.kept
    return {"sample/key": kept.key, "sample/node": kept.node, "sample/context": np.ascontiguousarray(kept.context)}


def build(plain: Mapping[str, Any], stored: Mapping[str, Any], evidence: Evidence[Moments]) -> Contextuals:
    """The posterior of a file; ``evidence`` has no counter yet.

    Raises
    ------
    ValueError
        The parts do not fit together.
    """
    features, options = Features.from_json(plain["features"]), plain["options"]
    model = MODELS[plain["model"]](**options)
    sample = Sample(stored["sample/key"], stored["sample/node"], stored["sample/context"])
    s, k, size = len(evidence.segments), evidence.actions.k, features.d + 1
    for o, moments in evidence.sums.items():
        nodes = () if model.pooled else (s,)
        pairs = moments.pairs.shape[-1]
        wanted = [(s, k)] * 3 + [(*nodes, k, size, size), (*nodes, k, pairs, pairs)]
        if [x.shape for x in moments] != wanted or pairs not in (1, size):
            raise ValueError(f"the sums of {o} are not those of {s} nodes, {k} actions and {features.d - 1} features")
    r = sample.key.size
    fits = sample.node.shape == (r,) and sample.context.shape == (r, features.d - 1) and r <= MOST
    if not fits or sample.node.dtype != np.int64 or (r and not 0 <= sample.node.min() <= sample.node.max() < s):
        raise ValueError("the sample does not fit the tree and the features")
    evidence = replace(evidence, counter=Contexts(features, model.pooled, model.dispersion))
    if isinstance(model, Linear):
        return LinearPosterior(model, evidence, features, sample)
    known = {o: Strengths(*map(float, x)) for o, x in plain["known"].items()}
    return LogisticPosterior(model, evidence, features, sample, known, tuple(plain["rough"]))

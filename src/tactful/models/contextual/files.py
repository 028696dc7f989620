"""Contextual posteriors as plain members and arrays, and back: what ``models.files`` writes and reads of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.features import Features
from tactful.models.contextual.context_sample import MAX_SAMPLED_CONTEXTS, ContextSample
from tactful.models.contextual.linear import Linear, LinearPosterior
from tactful.models.contextual.logistic import Logistic, LogisticPosterior
from tactful.models.contextual.moments import ContextCounter, ContextMoments
from tactful.models.contextual.prior_strength import Strengths
from tactful.models.evidence import Evidence

CONTEXTUAL_MODELS = {"linear": Linear, "logistic": Logistic}


def to_members(posterior: LinearPosterior | LogisticPosterior) -> dict[str, Any]:
    """Members of the JSON beside those of every posterior."""
    members: dict[str, Any] = {"features": posterior.features.to_json()}
    if isinstance(posterior, LogisticPosterior):
        members["known"] = {o: list(x) for o, x in posterior.chosen_strengths.items()}
        members["rough"] = list(posterior.unconverged)
    return members


def to_arrays(posterior: LinearPosterior | LogisticPosterior) -> dict[str, F64 | I64]:
    """The sample of contexts, which stands beside the sums."""
    sample = posterior.contexts
    return {
        "sample/key": sample.key,
        "sample/node": sample.node,
        "sample/context": np.ascontiguousarray(sample.context),
    }


def from_members(
    members: Mapping[str, Any], arrays: Mapping[str, Any], evidence: Evidence[ContextMoments]
) -> LinearPosterior | LogisticPosterior:
    """The posterior of a file; ``evidence`` has no counter yet.

    Raises
    ------
    ValueError
        The parts do not fit together.
    """
    features = Features.from_json(members["features"])
    model = CONTEXTUAL_MODELS[members["model"]](**members["options"])
    _check_sums(evidence, features, model.pooled)
    sample = _sample(arrays, evidence, features)
    evidence = replace(evidence, counter=ContextCounter(features, model.pooled, model.dispersion))
    if isinstance(model, Linear):
        return LinearPosterior(model, evidence, features, sample)
    strengths = {o: Strengths(*map(float, x)) for o, x in members["known"].items()}
    return LogisticPosterior(model, evidence, features, sample, strengths, tuple(members["rough"]))


def _check_sums(evidence: Evidence[ContextMoments], features: Features, pooled: bool) -> None:
    """Refuse sums whose shapes are not those of the tree, the actions and the features."""
    s, k, size = len(evidence.segments), evidence.actions.k, features.d + 1
    nodes = () if pooled else (s,)
    for o, moments in evidence.sums.items():
        pairs = moments.pairs.shape[-1]
        shapes = [(s, k)] * 3 + [(*nodes, k, size, size), (*nodes, k, pairs, pairs)]
        if [x.shape for x in moments] != shapes or pairs not in (1, size):
            raise ValueError(f"the sums of {o} are not those of {s} nodes, {k} actions and {features.d - 1} features")


def _sample(arrays: Mapping[str, Any], evidence: Evidence[ContextMoments], features: Features) -> ContextSample:
    """The sample of contexts, refused where it is not one of this tree and these features."""
    sample = ContextSample(arrays["sample/key"], arrays["sample/node"], arrays["sample/context"])
    r, s = sample.key.size, len(evidence.segments)
    fits = sample.node.shape == (r,) and sample.context.shape == (r, features.d - 1) and r <= MAX_SAMPLED_CONTEXTS
    if not fits or sample.node.dtype != np.int64 or (r and not 0 <= sample.node.min() <= sample.node.max() < s):
        raise ValueError("the sample does not fit the tree and the features")
    return sample

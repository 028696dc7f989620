"""The posterior of one outcome's coefficients, and averages of its mean over contexts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from scipy.special import expit

from tactful.core.arrays import F64
from tactful.models.base import Link
from tactful.models.contextual.action_sharing import Sharing
from tactful.models.contextual.coefficients import Prior, Solution
from tactful.models.contextual.prior_strength import Strengths
from tactful.models.likelihoods import MAX_LOG_RATE, Likelihood
from tactful.models.tree.message_passing import Tree

RATE_EDGE = 1e-12  # how near an average rate may come to 0 and 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CoefficientFit:
    """The posterior of one outcome's coefficients, and what it rests on."""

    link: Link
    """From the linear predictor to the mean per trial."""
    likelihood: Likelihood
    """Of the outcome's kind, for moments of the response."""
    tree: Tree
    """The levels of the v nodes; one node where nodes are pooled."""
    sharing: Sharing
    """How the coefficients of the actions hang together."""
    prior: Prior
    """Precisions of the levels."""
    strengths: Strengths
    """What the prior is worth."""
    solution: Solution
    """The posterior of φ."""
    centre: float
    """Added to every intercept."""
    scale: F64
    """(s, k) mean trials per decision."""
    noise: F64
    """(k,) variance of one observation of a Gaussian outcome; 1 otherwise."""
    dispersion: float
    """The factor by which repeating users inflate the variance."""

    def theta(self, phi: F64) -> F64:
        """(…, v, k, d) the actions' coefficients for φ (…, v, b, p)."""
        theta = self.sharing.spread(phi).copy()
        theta[..., 0] += self.centre
        return theta


class ContextAverage(NamedTuple):
    """A Gaussian on the scale of the link for the average over contexts: mean and variance (s, k).

    ``slope`` (s, k, d) is the derivative of that average in θ: to first order, and exact for the identity.
    """

    mean: F64
    variance: F64
    slope: F64


def average_link(link: Link, z: F64, theta: F64) -> tuple[F64, F64]:
    """The link of the mean response over contexts z (r, d), by action (k,), and its derivative in θ (k, d)."""
    eta = z @ theta.T
    if link == "identity":
        return eta.mean(0), np.tile(z.mean(0), (len(theta), 1))
    # The responses p and their derivatives in η.
    p = expit(eta) if link == "logistic" else np.exp(np.minimum(eta, MAX_LOG_RATE))
    mean, tilt = p.mean(0), p * (1 - p) if link == "logistic" else p
    slope = tilt.T @ z / len(z)
    # The link of their mean, and the chain rule.
    if link == "log":
        return np.log(mean), slope / mean[:, None]
    mean = np.clip(mean, RATE_EDGE, 1 - RATE_EDGE)
    return np.log(mean) - np.log1p(-mean), slope / (mean * (1 - mean))[:, None]

"""Messages on the tree against one dense Gaussian over nodes × actions; the mode against scipy.optimize."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from logs import JIT
from reference import hierarchical as reference
from tactful.core.actions import ActionSpace
from tactful.core.segments import Segments
from tactful.models.hierarchical.action_kernel import ActionGeometry, covariances, defaults, extended, gradient
from tactful.models.hierarchical.laplace import CellProblem, evidence_slope, mode
from tactful.models.likelihoods import Binomial, Likelihood, Normal, Poisson
from tactful.models.tree.draws import TreeGaussian, draw, normals
from tactful.models.tree.message_passing import Tree, spread

SPACE = ActionSpace.grid(["08:00", "12:00", "19:30"], [1, 3])
NAMED = ActionSpace.named(["none", "morning", "evening", "night"])
TREES = (("a/x", "a/y", "b/z/q", "c"), ("a",), tuple(f"{p}/{i}" for p in "zab" for i in range(4)))
KINDS: dict[str, Likelihood] = {"binomial": Binomial(), "poisson": Poisson(), "gaussian": Normal(1.0)}
CENTRE = -1.0


def problem(kind, paths, actions=SPACE, seed=0, most=40):
    """Data at leaves and inner nodes; three cells in ten are empty."""
    rng = np.random.default_rng(seed)
    tree = Segments.of(paths)
    shape = len(tree), actions.k
    t = rng.integers(0, most, shape) * (rng.random(shape) < 0.7) * 1.0
    y = {
        "binomial": lambda: rng.binomial(t.astype(int), 0.2) * 1.0,
        "poisson": lambda: rng.poisson(0.3 * t) * 1.0,
        "gaussian": lambda: rng.normal(-1.0 * t, np.sqrt(t)),
    }[kind]()
    theta = defaults(int(tree.depths.max()) + 1)
    theta += rng.normal(0, 0.2, theta.size)
    return tree, theta, CellProblem(Tree.from_segments(tree), KINDS[kind], y, t, CENTRE)


@pytest.mark.parametrize("actions", [SPACE, NAMED], ids=["grid", "named"])
def test_covariances_are_the_references_pair_by_pair(actions):
    theta = defaults(3) + np.linspace(-0.3, 0.3, 11)
    K = covariances(ActionGeometry.from_actions(actions), theta)
    for d in range(3):
        sds = np.exp(theta[2 + 3 * d : 5 + 3 * d])
        space = actions.names, actions.slots, actions.frequencies
        expected = reference.kernel(*space, np.exp(theta[:2]), sds, 4.0 * (d == 0))
        np.testing.assert_allclose(K[d], expected, atol=1e-13)
        assert (np.linalg.eigvalsh(K[d]) > 0).all()


@pytest.mark.parametrize("actions", [SPACE, NAMED], ids=["grid", "named"])
@pytest.mark.parametrize("paths", TREES, ids=["deep", "one", "families"])
@pytest.mark.parametrize("kind", KINDS)
def test_mode_variances_and_evidence_are_those_of_the_dense_gaussian(kind, paths, actions):
    tree, theta, known = problem(kind, paths, actions)
    K = covariances(ActionGeometry.from_actions(actions), theta)
    prior = reference.joint(tree.parents, tree.depths, K)
    f, C, evidence = reference.laplace(kind, prior, known.y.ravel(), known.t.ravel(), CENTRE)
    found = mode(known, K)
    assert found.converged
    np.testing.assert_allclose(found.f.ravel(), f, atol=1e-8)
    got = spread(known.tree, K, found.messages.precision).variance
    np.testing.assert_allclose(got.ravel(), C.diagonal(), atol=1e-8)
    assert found.evidence == pytest.approx(evidence, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_curvature_at_the_mode_is_that_of_finite_differences(kind):
    """The Hessian of −ln p(y, f) by differences of its gradient, inverted: the covariance to 1e-6."""
    tree, theta, known = problem(kind, TREES[0], NAMED)
    K = covariances(ActionGeometry.from_actions(NAMED), theta)
    prior = reference.joint(tree.parents, tree.depths, K)
    found = mode(known, K)
    inverse, y, t = np.linalg.inv(prior), known.y.ravel(), known.t.ravel()

    def slope(f):
        return inverse @ (f - CENTRE) - reference.derivatives(kind, y, t, f)[0]

    step, f = 1e-5, found.f.ravel()
    np.testing.assert_allclose(slope(f), 0, atol=1e-6)
    hessian = np.array([(slope(f + e) - slope(f - e)) / (2 * step) for e in step * np.eye(f.size)])
    got = spread(known.tree, K, found.messages.precision).variance
    np.testing.assert_allclose(got.ravel(), np.linalg.inv(hessian).diagonal(), rtol=1e-5)


@pytest.mark.parametrize("actions", [SPACE, NAMED], ids=["grid", "named"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_of_the_evidence_is_that_of_finite_differences(kind, actions):
    _, theta, known = problem(kind, TREES[0], actions)
    geometry = ActionGeometry.from_actions(actions)

    def evidence(x):
        return mode(known, covariances(geometry, x)).evidence

    K = covariances(geometry, theta)
    slope = gradient(geometry, theta, evidence_slope(known, K, mode(known, K)))
    step = 1e-4 * np.eye(theta.size)
    numeric = [(evidence(theta + e) - evidence(theta - e)) / 2e-4 for e in step]
    np.testing.assert_allclose(slope, numeric, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_seen_leaves_the_prior_and_much_seen_leaves_the_data(kind):
    _, theta, known = problem(kind, TREES[0])
    K = covariances(ActionGeometry.from_actions(SPACE), theta)
    nothing = mode(known._replace(y=known.y * 0, t=known.t * 0), K)
    np.testing.assert_allclose(nothing.f, CENTRE)
    variance = spread(known.tree, K, nothing.messages.precision).variance
    np.testing.assert_allclose(variance[0], K[0].diagonal(), rtol=1e-12)
    much = mode(known._replace(y=1e7 * np.maximum(known.y, 1), t=1e7 * np.maximum(known.t, 2)), K)
    assert much.converged
    observed = np.maximum(known.y, 1) / np.maximum(known.t, 2)
    seen = (observed < 0.9) & (observed > 0.02)
    np.testing.assert_allclose(known.likelihood.response(much.f.copy())[seen], observed[seen], atol=1e-3)


def test_newton_is_damped_where_a_full_step_would_overshoot():
    """A wide prior and cells of one kind only: the plain Newton step from the centre lowers the objective."""
    tree = Segments.of(["a"])
    known = CellProblem(Tree.from_segments(tree), Poisson(), np.full((2, 5), 5e6), np.full((2, 5), 10.0), -8.0)
    K = covariances(ActionGeometry.from_actions(ActionSpace.grid(["08:00"], [1, 2, 3, 5])), defaults(2) + 2.0)
    found = mode(known, K)
    assert found.converged
    assert 5 < found.steps < 50
    np.testing.assert_allclose(np.exp(found.f), 5e5, rtol=0.01)


@pytest.mark.parametrize("sd", [0.01, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("mean", [-6.0, -2.0, 0.5])
def test_moments_of_the_response_are_the_integrals(mean, sd):
    def moment(power):
        density = stats.norm(mean, sd).pdf
        return integrate.quad(lambda f: expit(f) ** power * density(f), mean - 9 * sd, mean + 9 * sd, epsabs=1e-13)[0]

    first, second = (moment(p) for p in (1, 2))
    got, variance = Binomial().moments(np.array([mean]), np.array([sd * sd]))
    assert got[0] == pytest.approx(first, abs=1e-6)
    assert variance[0] == pytest.approx(second - first**2, rel=1e-3)
    got, variance = Poisson().moments(np.array([mean]), np.array([sd * sd]))
    lognormal = stats.lognorm(sd, scale=np.exp(mean))
    assert (got[0], variance[0]) == (pytest.approx(lognormal.mean()), pytest.approx(lognormal.var()))


def test_draws_have_the_dense_covariance_over_actions_and_segments():
    """20,000 draws of 9 × 7 latents: every entry of the correlation within 5.5 of its standard errors."""
    tree, theta, known = problem("gaussian", TREES[0], seed=2)
    K = covariances(ActionGeometry.from_actions(SPACE), theta)
    prior = reference.joint(tree.parents, tree.depths, K)
    f, C, _ = reference.laplace("gaussian", prior, known.y.ravel(), known.t.ravel(), CENTRE)
    found, m = mode(known, K), 20_000 if JIT else 400
    latent = TreeGaussian(K=K, M=found.messages.precision, f=found.f, likelihood=known.likelihood, stream=1)
    bank = draw(known.tree, latent, m=m, seed=5)
    standard = (bank.reshape(m, -1) - f) / np.sqrt(C.diagonal())
    np.testing.assert_allclose(standard.mean(0), 0, atol=5.5 / np.sqrt(m))
    expected = C / np.sqrt(np.outer(C.diagonal(), C.diagonal()))
    assert (np.abs(standard.T @ standard / m - expected) <= 5.5 * np.sqrt((1 + expected**2) / m)).all()


def test_normals_are_normal_and_keyed():
    x = normals((4000, 5), 3, 1, 9)
    assert stats.kstest(x.ravel(), "norm").pvalue > 1e-4
    np.testing.assert_allclose(np.corrcoef(x.T), np.eye(5), atol=5.5 / np.sqrt(4000))
    np.testing.assert_array_equal(normals((7, 5), 3, 1, 9), x[:7])
    for other in (normals((7, 5), 4, 1, 9), normals((7, 5), 3, 2, 9), normals((7, 5), 3, 1, 8)):
        assert (other != x[:7]).all()


def test_a_deeper_tree_keeps_what_was_tuned():
    theta = defaults(2) + 0.1
    np.testing.assert_array_equal(extended(theta, 3)[: theta.size], theta)
    np.testing.assert_array_equal(extended(theta, 3)[theta.size :], defaults(3)[theta.size :])
    np.testing.assert_array_equal(extended(theta, 2), theta)

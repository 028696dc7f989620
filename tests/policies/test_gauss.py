"""Exact Thompson probabilities of independent Gaussians: quadrature, closed forms, symmetries, wild scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from reference import gauss as reference
from tactful.policies.gauss import CELLS, best, normal


def arms(seed, ratio=1.0, k=None):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 9)) if k is None else k
    return rng.normal(0, rng.choice([0, 0.3, 1, 3]), k), np.exp(rng.uniform(-0.5, 0.5, k) * np.log(ratio))


@pytest.mark.parametrize("ratio", [1.0, 3.0, 50.0, 1e4])
@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_quadrature_whatever_the_scales(seed, ratio):
    mean, sd = arms(seed, ratio)
    found, exact = best(mean, sd), np.array(reference.best(mean.tolist(), sd.tolist(), 3))
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9)
    seen = exact > 1e-6  # where weights live: relative accuracy
    np.testing.assert_allclose(found[seen], exact[seen], rtol=1e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_many_arms(seed):
    mean, sd = arms(seed, 2.0, k=28)
    exact = np.array(reference.best(mean.tolist(), sd.tolist()))
    np.testing.assert_allclose(best(mean, sd), exact, rtol=0, atol=1e-8)


@given(st.floats(-8, 8), st.floats(-3, 3), st.floats(0, 9))
def test_two_arms_in_closed_form(gap, centre, octaves):
    mean, sd = np.array([centre, centre + gap]), np.array([1.0, 2.0**octaves])
    second = special.ndtr(gap / np.hypot(*sd))
    np.testing.assert_allclose(best(mean, sd), [1 - second, second], rtol=0, atol=1e-9)


@given(st.integers(0, 2**32), st.floats(-50, 50), st.integers(-20, 20))
def test_places_and_units_do_not_matter(seed, shift, octaves):
    mean, sd = arms(seed, 5.0)
    order = np.random.default_rng(seed).permutation(mean.size)
    plain = best(mean, sd)
    assert plain.sum() == pytest.approx(1, abs=1e-12)
    assert (plain >= 0).all()
    unit = 2.0**octaves
    np.testing.assert_allclose(best((mean + shift) * unit, sd * unit), plain, rtol=0, atol=1e-10)
    np.testing.assert_allclose(best(mean[order], sd[order]), plain[order], rtol=0, atol=1e-13)


def test_equal_arms_share_equally():
    np.testing.assert_allclose(best(np.full(28, 3.0), np.full(28, 0.2)), np.full(28, 1 / 28), atol=1e-15)


def test_points():
    """An arm without variance wins where all others are below it: Π F(m)."""
    mean, sd = np.array([0.0, 0.1, -0.2]), np.array([0.0, 1.0, 2.0])
    found = best(mean, sd)
    assert found[0] == pytest.approx(special.ndtr(-0.1) * special.ndtr(0.1), abs=1e-10)
    near = best(mean, np.array([1e-7, 1.0, 2.0]))
    np.testing.assert_allclose(found, near, atol=1e-6)
    assert best(np.array([1.0, 1.0, 0.0]), np.zeros(3)).tolist() == [0.5, 0.5, 0.0]
    two = best(np.array([0.3, 0.3, -1.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    np.testing.assert_allclose(two, [special.ndtr(0.3) / 2] * 2 + [0.0, special.ndtr(-0.3)], atol=1e-10)
    assert best(np.array([0.0, 9.0]), np.array([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_the_cdf():
    z = np.linspace(-6.6, 12, 20_001)
    found, bell = normal(z * CELLS / np.sqrt(2))
    third_term = (0.5 / CELLS) ** 3 / 6 * 2 / np.sqrt(np.pi)
    np.testing.assert_allclose(found, special.ndtr(z), rtol=0, atol=1.01 * third_term)
    inside = z < 8
    np.testing.assert_allclose(bell[inside], np.exp(-0.5 * z[inside] ** 2), rtol=1e-12)

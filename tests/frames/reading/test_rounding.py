"""Vectors and propensities that were written with few decimals, or as small floats, are what they stand for."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tactful.errors import LogError, SpecError
from tactful.frames import LogSpec, read_log
from tactful.frames.reading.rounding import count_decimals, entry_error

N = 12


def log_of(pmf, propensity=None, spec=None, dtype=pl.Float64, action=0):
    """A log of these vectors, as it is read."""
    pmf = np.asarray(pmf, float)
    names = [f"a{i}" for i in range(pmf.shape[1])]
    columns = {
        "user": [f"u{i}" for i in range(len(pmf))],
        "period": 0,
        "action": names[action],
        "propensities": pl.Series(pmf.tolist(), dtype=pl.List(dtype)),
        "opened": 1,
    }
    if propensity is not None:
        columns["propensity"] = propensity
    tables = {"actions": {"names": names}, "outcomes": {"opened": {"kind": "binary"}}} | (spec or {})
    return read_log(pl.DataFrame(columns), LogSpec.from_dict(tables))


@pytest.mark.parametrize(
    ("k", "decimals"), [(3, 2), (3, 3), (3, 4), (7, 3), (26, 3), (26, 4), (100, 4), (1000, 5), (1000, 6)]
)
def test_sums_that_rounding_explains_are_renormalised_and_counted(k, decimals):
    exact = np.random.default_rng(k).dirichlet(np.full(k, 5.0), N)
    exact[:, 0] = np.maximum(exact[:, 0], 10.0**-decimals)
    exact /= exact.sum(axis=1, keepdims=True)
    written = np.round(exact, decimals)
    written = written[np.abs(written.sum(axis=1) - 1) < 0.0101]
    log = log_of(written)
    np.testing.assert_allclose(log.propensities.sum(axis=1), 1, atol=2e-6)
    np.testing.assert_array_equal(log.propensity, log.propensities[:, 0])
    count = int(np.sum(np.abs(written.sum(axis=1) - 1) > 1e-6))
    assert count
    assert f"{count} rounded vectors" in log.notes[0]


@pytest.mark.parametrize("dtype", [pl.Float16, pl.Float32])
@pytest.mark.parametrize("k", [3, 30, 1000])
@pytest.mark.parametrize("decimals", [None, 3])
def test_small_floats_are_rounding_too(dtype, k, decimals):
    exact = np.random.default_rng(k).dirichlet(np.full(k, 5.0), N)
    written = exact if decimals is None or k > 30 else np.round(exact, decimals)
    log = log_of(written, dtype=dtype)
    np.testing.assert_allclose(log.propensities.sum(axis=1), 1, atol=2e-6)


@pytest.mark.parametrize(
    "pmf", [[0.5, 0.4], [0.6, 0.5], [0.33, 0.33, 0.31], [0.333, 0.333, 0.33], [0.3, 0.3, 0.3], [0.5, 0.4997]]
)
def test_sums_that_it_does_not_explain_are_refused(pmf):
    with pytest.raises(LogError, match=r"does not sum to 1 in 12 rows"):
        log_of([pmf] * N)


def test_a_full_precision_vector_has_no_such_leave():
    with pytest.raises(LogError, match="does not sum to 1"):
        log_of([[1 / 3, 1 / 3, 0.3328]] * N)


def test_exact_vectors_stay_as_they_are():
    pmf = np.array([[0.2, 0.3, 0.5], [0.125, 0.375, 0.5]])
    log = log_of(pmf)
    np.testing.assert_array_equal(log.propensities, pmf)
    assert log.notes == ()


@pytest.mark.parametrize(
    ("pmf", "propensity", "expected"),
    [
        ([0.333, 0.333, 0.333], 0.333, 1 / 3),  # the entry, which is renormalised
        ([0.333, 0.333, 0.333], 1 / 3, 1 / 3),  # finer than the vector
        ([0.33, 0.33, 0.33], 0.3333, 0.3333),
        ([1 / 3, 1 / 3, 1 / 3], 0.333, 0.333),  # coarser than the vector
        ([0.25, 0.35, 0.4], 0.25, 0.25),
    ],
)
def test_propensities_agree_within_the_same_rounding(pmf, propensity, expected):
    np.testing.assert_allclose(log_of([pmf] * N, propensity).propensity, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("pmf", "propensity"),
    [([0.333, 0.333, 0.333], 0.335), ([1 / 3, 1 / 3, 1 / 3], 0.334), ([1 / 3, 1 / 3, 1 / 3], 0.3), ([0.5, 0.5], 0.6)],
)
def test_and_beyond_it_they_are_at_odds(pmf, propensity):
    with pytest.raises(LogError, match="differs from the entry"):
        log_of([pmf] * N, propensity)


def test_an_optional_column_can_be_left_out_although_it_has_the_canonical_name():
    pmf = [[0.9, 0.5]] * N
    log = log_of(pmf, 0.9, {"columns": {"propensities": ""}})
    assert log.propensities is None
    assert log.propensity[0] == 0.9
    both = log_of(pmf, 0.9, {"columns": {"propensities": "", "propensity": ""}})
    assert (both.propensity, both.provenance) == (None, "absent")


@pytest.mark.parametrize("role", ["arm", "segment", "policy", "scope", "fallback", "eligible", "decided_at"])
def test_so_can_every_optional_role(role):
    columns = {"user": ["a", "b"], "period": 0, "action": "a0", "opened": 1, role: 7.5}
    tables = {"actions": {"names": ["a0", "a1"]}, "outcomes": {"opened": {"kind": "binary"}}, "columns": {role: ""}}
    log = read_log(pl.DataFrame(columns), LogSpec.from_dict(tables))
    assert log.n == 2
    assert log.segments.paths == ("",)


@pytest.mark.parametrize("role", ["user", "action"])
def test_a_required_role_cannot(role):
    with pytest.raises(SpecError):
        log_of([[0.5, 0.5]] * N, spec={"columns": {role: ""}})


def test_decimals_are_counted():
    assert [count_decimals(np.array(v)) for v in ([0.5], [0.25, 0.5], [0.1234], [1 / 3], [0.0, 1.0])] == [1, 2, 4, 0, 1]
    assert entry_error(np.array([0.333])) == 0.0005
    assert entry_error(np.array([0.5])) == 0

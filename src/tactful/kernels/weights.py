"""What estimators read off a pmf and a reward model, in one pass and without any (n, k) array of its own."""

# pyright: basic
from __future__ import annotations

from tactful.kernels.jit import F64_1, F64_2, I64_1, OUT_F64_1, kernel, summing


@summing
def _inner(x, y, i):
    """Σ_a x y over row i of x and y, (n, k) both."""
    total = 0.0
    for a in range(x.shape[1]):
        total += x[i, a] * y[i, a]
    return total


@kernel(F64_2, F64_2, I64_1, F64_1, OUT_F64_1, OUT_F64_1, OUT_F64_1)
def along(pmf, q, action, propensity, out_weight, out_logged, out_target):
    """Weight of the logged action, its reward model, and the model's mean under the pmf, (n,) each.

    ``pmf`` and ``q`` (n, k), ``action`` (n,), ``propensity`` (n,) of the logged action. Reading them is what it costs.
    """
    for i in range(action.size):
        logged = action[i]
        out_weight[i] = pmf[i, logged] / propensity[i]
        out_logged[i] = q[i, logged]
        out_target[i] = _inner(pmf, q, i)

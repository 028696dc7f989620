"""Gaussian utilities, linear in the context and independent between actions: probabilities by an exact integral."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.core.arrays import F64, I64
from tactful.errors import PolicyError
from tactful.policies import gauss
from tactful.policies.exploration_rules import Rule, sharpened
from tactful.policies.grid import coefficients

CACHED_ROWS = 256  # at once: what they need stays in a near cache
MAX_PRODUCTS = 1 << 18  # of one product of matrices: BLAS shares more out to threads, which wait for each other


@dataclass(frozen=True)
class LinearScore:
    """The utility of action a at node s in the design z is N(z·m, |Rᵀz|²).

    Coefficients are those of the whole objective, prices subtracted. They lie on a grid, so that their products with a
    design are exact.

    Examples
    --------
    Two actions and one feature; the design of a context is (1, feature):

    >>> mean, root = np.array([[[0.0, 0.0], [0.2, 1.0]]]), np.tile(0.1 * np.eye(2), (1, 2, 1, 1))
    >>> score = LinearScore.from_coefficients(Rule("greedy"), mean, root)
    >>> score.pmf(np.array([0]), np.array([[1.0, 0.5]])).tolist()
    [[0.0, 1.0]]
    """

    rule: Rule
    """How utilities become a pmf."""
    group: I64
    """(s,) the index of each node's coefficients; nodes may share them."""
    mean: F64
    """(g, k, d) means m."""
    root: F64
    """(g, k, d, d) roots R of the covariances R Rᵀ."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        shape = self.mean.shape
        if self.mean.ndim != 3 or self.root.shape != (*shape, shape[-1]):
            raise PolicyError("means and roots of different shapes", "policy", "rebuild it")
        check_group(self.group, shape[0])

    @classmethod
    def from_coefficients(cls, rule: Rule, mean: F64, root: F64) -> LinearScore:
        """From the coefficients of every node, rounded to their grid; nodes with equal ones share them.

        Parameters
        ----------
        rule
            How utilities become a pmf.
        mean
            (s, k, d) means.
        root
            (s, k, d, d) roots R of the covariances R Rᵀ.
        """
        mean, root = coefficients(mean, (2,)), coefficients(root, (2, 3))
        group, first = shared(mean, root)
        return cls(rule, group, np.ascontiguousarray(mean[first]), np.ascontiguousarray(root[first]))

    @property
    def kind(self) -> str:
        """The artifact's name for this form."""
        return "linear"

    @property
    def k(self) -> int:
        """The number of actions."""
        return self.mean.shape[1]

    @property
    def d(self) -> int:
        """The length of the design."""
        return self.mean.shape[2]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps in its second file."""
        return {"group": self.group, "mean": self.mean.astype("<f4"), "root": self.root.astype("<f4")}

    def members(self) -> dict[str, object]:
        """Nothing else determines behaviour."""
        return {}

    def moments(self, nodes: I64, design: F64) -> tuple[F64, F64]:
        """(n, k) means and standard deviations of the utilities at nodes (n,) and designs (n, d) on their grid."""
        n, k, d = nodes.size, self.k, self.d
        if n == 1:
            mean, sd = self._row_moments(nodes[0], design[0])
            return mean[None], sd[None]
        mean, variance = np.empty((n, k)), np.empty((n, k))
        tile = max(1, min(CACHED_ROWS, MAX_PRODUCTS // self._columns[0].size))
        product = np.empty((min(n, CACHED_ROWS // tile * tile), self._columns.shape[2]))
        for g, rows in by_group(self.group[nodes], len(product)):
            y = _product(design[rows], self._columns[g], tile, product)
            spread = y[:, k:].reshape(-1, k, d)
            mean[rows], variance[rows] = y[:, :k], np.vecdot(spread, spread)
        return mean, np.sqrt(variance, out=variance)

    def pmf(self, nodes: I64, design: F64) -> F64:
        """(n, k) probabilities at nodes (n,) and designs (n, d) on their grid."""
        if nodes.size == 1 and self.rule.samples:
            return sharpened(gauss.weights(*self._row_moments(nodes[0], design[0]))[None], self.rule.parameter)
        mean, sd = self.moments(nodes, design)
        if not self.rule.samples:
            return self.rule.pmf(mean, sd)
        won = np.empty_like(mean)
        for i in range(len(mean)):
            won[i] = gauss.weights(mean[i], sd[i])
        return sharpened(won, self.rule.parameter)

    def _row_moments(self, node: np.int64, design: F64) -> tuple[F64, F64]:
        """(k,) means and standard deviations of one design (d,)."""
        k = self.mean.shape[1]
        y = design.dot(self._columns[self.group[node]])
        spread = y[k:].reshape(k, -1)
        return y[:k], np.sqrt(np.vecdot(spread, spread))

    @cached_property
    def _columns(self) -> F64:
        """(g, d, k + k·d): means, then the columns of the roots."""
        g, k, d = self.mean.shape
        roots = self.root.transpose(0, 2, 1, 3).reshape(g, d, k * d)
        return np.ascontiguousarray(np.concatenate((self.mean.transpose(0, 2, 1), roots), 2))


def _product(z: F64, columns: F64, tile: int, out: F64) -> F64:
    """(n, w) ``z @ columns`` in the first rows of ``out``, by products of ``tile`` rows."""
    n = len(z)
    tiled = n // tile * tile
    np.matmul(z[:tiled].reshape(-1, tile, z.shape[1]), columns, out=out[:tiled].reshape(-1, tile, columns.shape[1]))
    np.matmul(z[tiled:], columns, out=out[tiled:n])
    return out[:n]


def shared(*arrays: NDArray[Any]) -> tuple[I64, I64]:
    """(s,) the group of each node, those with equal rows in one, and (g,) the first node of each."""
    groups: dict[bytes, int] = {}
    first: list[int] = []
    group = np.empty(len(arrays[0]), np.int64)
    for node in range(group.size):
        row = b"".join(np.ascontiguousarray(a[node]).tobytes() for a in arrays)
        group[node] = groups.setdefault(row, len(groups))
        if len(groups) > len(first):
            first.append(node)
    return group, np.array(first, np.int64)


def by_group(group: I64, size: int) -> Iterator[tuple[int, I64]]:
    """Each group with its rows, at most ``size`` at once."""
    order = np.argsort(group, kind="stable")
    names, starts = np.unique(group[order], return_index=True)
    for g, rows in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
        for start in range(0, rows.size, size):
            yield g, rows[start : start + size]


def check_group(group: I64, g: int) -> None:
    """Refuse groups that do not exist.

    Raises
    ------
    PolicyError
        A node points outside of the g groups.
    """
    if group.ndim != 1 or group.size == 0 or group.min() < 0 or group.max() >= g:
        raise PolicyError("a node points to coefficients that are not there", "policy", "rebuild it")

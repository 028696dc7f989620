"""Matrices as lists of rows, in plain Python: products, inverses and determinants by the schoolbook."""

from __future__ import annotations


def identity(size):
    return [[float(i == j) for j in range(size)] for i in range(size)]


def diagonal(values):
    return [[v * (i == j) for j in range(len(values))] for i, v in enumerate(values)]


def transpose(A):
    return [list(column) for column in zip(*A, strict=True)]


def product(*factors):
    """The product of some matrices, from the left."""
    result = factors[0]
    for B in factors[1:]:
        result = [
            [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*B, strict=True)] for row in result
        ]
    return result


def times(A, x):
    """A x for a vector x."""
    return [sum(a * b for a, b in zip(row, x, strict=True)) for row in A]


def add(A, B, sign=1.0):
    """A + sign · B."""
    return [[a + sign * b for a, b in zip(left, right, strict=True)] for left, right in zip(A, B, strict=True)]


def inverse(A):
    """(A⁻¹, |A|) by Gauss and Jordan, with the largest pivot of each column."""
    size, determinant = len(A), 1.0
    rows = [list(row) + unit for row, unit in zip(A, identity(size), strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda i: abs(rows[i][column]))
        if pivot != column:
            rows[column], rows[pivot] = rows[pivot], rows[column]
            determinant = -determinant
        determinant *= rows[column][column]
        rows[column] = [x / rows[column][column] for x in rows[column]]
        for i in range(size):
            if i != column:
                factor = rows[i][column]
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[column], strict=True)]
    return [row[size:] for row in rows], determinant

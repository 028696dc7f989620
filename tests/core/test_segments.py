"""The segment tree: closed under parents, parents first, and every path finds a node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.core.segments import ROOT, Segments, escape, is_path, parent
from tactful.errors import LogError

PARTS = st.text("ab/%", min_size=1, max_size=3)
PATHS = st.lists(PARTS, max_size=3).map(lambda parts: "/".join(map(escape, parts)))
FORESTS = st.lists(PATHS, max_size=8)


@given(st.lists(PARTS, max_size=3), st.lists(PARTS, max_size=3))
def test_escaped_parts_make_different_paths(a, b):
    one, other = "/".join(map(escape, a)), "/".join(map(escape, b))
    assert (one == other) == (a == b)
    assert is_path(one)
    assert one.count("/") == max(len(a) - 1, 0)


@pytest.mark.parametrize("path", ["/", "a/", "/a", "a//b"])
def test_a_path_with_an_empty_part_is_refused(path):
    assert not is_path(path)
    with pytest.raises(LogError, match="empty part"):
        Segments.of([path])


@given(FORESTS)
def test_the_tree_is_the_smallest_that_is_closed_under_parents(paths):
    tree = Segments.of(paths)
    closed = {ROOT}
    for path in paths:
        parts = path.split("/") if path else []
        closed |= {"/".join(parts[:d]) for d in range(len(parts) + 1)}
    assert set(tree.paths) == closed
    assert len(tree) == len(closed)
    assert tree == Segments.of(reversed(paths))


@given(FORESTS)
def test_parents_stand_before_their_children(paths):
    tree = Segments.of(paths)
    assert tree.paths[0] == ROOT
    assert (tree.parents[0], tree.depths[0]) == (-1, 0)
    for node in range(1, len(tree)):
        above = tree.parents[node]
        assert above < node
        assert tree.paths[above] == parent(tree.paths[node])
        assert tree.depths[node] == tree.depths[above] + 1


@given(FORESTS, PATHS)
def test_the_nearest_node_is_the_longest_known_beginning(paths, path):
    tree = Segments.of(paths)
    parts = path.split("/") if path else []
    known = [p for d in range(len(parts) + 1) if (p := "/".join(parts[:d])) in tree.paths]
    assert tree.paths[tree.nearest(path)] == known[-1]
    assert tree.index(path) == (tree.nearest(path) if known[-1] == path else None)


@given(FORESTS, FORESTS)
def test_union_and_locate(a, b):
    one, other = Segments.of(a), Segments.of(b)
    both = one.union(other)
    assert set(both.paths) == {*one.paths, *other.paths}
    assert both == other.union(one)
    assert [both.paths[i] for i in both.locate(one)] == list(one.paths)
    assert [one.paths[i] for i in one.locate(both)] == [one.paths[one.nearest(p)] for p in both.paths]
    assert one.union(one) is one

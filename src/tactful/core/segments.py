"""The segment tree: paths such as ``ios/new``, whose parent is ``ios`` and whose root is the empty path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tactful.core.arrays import I64
from tactful.errors import LogError

ROOT = ""


def escape(part: str) -> str:
    """One part of a path with its ``/`` escaped, as ``%2F`` (and ``%`` as ``%25``)."""
    return part.replace("%", "%25").replace("/", "%2F")


def parent(path: str) -> str:
    """The path one level up; the root is its own parent.

    >>> parent("ios/new"), parent("ios"), parent("")
    ('ios', '', '')
    """
    return path.rpartition("/")[0]


def is_path(path: str) -> bool:
    """Whether no part of the path is empty; the root is a path."""
    return path == ROOT or all(path.split("/"))


@dataclass(frozen=True, slots=True)
class Segments:
    """A tree of paths, closed under parents, the root first and parents before their children.

    Examples
    --------
    >>> tree = Segments.of(["ios/new", "web"])
    >>> tree.paths, tree.index("ios/new")
    (('', 'ios', 'web', 'ios/new'), 3)
    """

    paths: tuple[str, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the paths."""
        object.__setattr__(self, "_index", {path: i for i, path in enumerate(self.paths)})

    @classmethod
    def of(cls, paths: Iterable[str]) -> Segments:
        """The smallest tree that holds these paths.

        Raises
        ------
        LogError
            A path has an empty part.

        Examples
        --------
        >>> Segments.of(["ios/new", "web"]).paths
        ('', 'ios', 'web', 'ios/new')
        """
        nodes = {ROOT}
        for path in set(paths):
            if not is_path(path):
                raise LogError(f"a path with an empty part: {path!r}", "segment", "name every part, as in ios/new")
            while path not in nodes:
                nodes.add(path)
                path = parent(path)
        return cls(tuple(sorted(nodes, key=lambda p: (p.count("/") if p else -1, p))))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def parents(self) -> I64:
        """(s,) index of each node's parent; −1 for the root."""
        return np.array([-1] + [self._index[parent(p)] for p in self.paths[1:]], np.int64)

    @property
    def depths(self) -> I64:
        """(s,) depth of each node; 0 for the root."""
        return np.array([0] + [p.count("/") + 1 for p in self.paths[1:]], np.int64)

    def index(self, path: str) -> int | None:
        """The node of a path, or None."""
        return self._index.get(path)

    def nearest(self, path: str) -> int:
        """The node of a path, or of its nearest ancestor in the tree."""
        while (node := self._index.get(path)) is None:
            path = parent(path)
        return node

    def union(self, other: Segments) -> Segments:
        """The tree that holds the paths of both."""
        return self if self.paths == other.paths else Segments.of((*self.paths, *other.paths))

    def locate(self, other: Segments) -> I64:
        """(s,) for each node of ``other``, the nearest node here."""
        return np.array([self.nearest(p) for p in other.paths], np.int64)

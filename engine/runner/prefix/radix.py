"""An index of token sequences by their prefixes. Pure; engine-loop thread only.

A radix tree: an edge carries the tokens between two places where sequences part or end.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, TypeVar

V = TypeVar("V", bound=Hashable)

_STRIDE = 256


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many leading tokens two sequences (of the same type) share.

    Whole strides are compared in C; only the one that differs is looked at token by token.
    """
    length = min(len(left), len(right))
    start = 0
    while start < length and left[start : start + _STRIDE] == right[start : start + _STRIDE]:
        start += _STRIDE
    end = min(length, start + _STRIDE)
    for index in range(min(start, length), end):
        if left[index] != right[index]:
            return index
    return end if start < length else length


class _Node(Generic[V]):
    __slots__ = ("children", "edge", "values")

    def __init__(self, edge: list[int]) -> None:
        self.edge = edge
        self.children: dict[int, _Node[V]] = {}
        self.values: dict[V, None] = {}
        """Values whose sequence ends here."""


class RadixIndex(Generic[V]):
    """Values by token sequence. The same sequence may have several values."""

    def __init__(self) -> None:
        self._root: _Node[V] = _Node([])

    def insert(self, tokens: Sequence[int], value: V) -> None:
        """Inserting a pair twice changes nothing."""
        node = self._root
        rest = list(tokens)
        while rest:
            child = node.children.get(rest[0])
            if child is None:
                child = node.children[rest[0]] = _Node(rest)
                node = child
                break
            shared = common_prefix(child.edge, rest)
            if shared < len(child.edge):
                child = node.children[rest[0]] = _split(child, shared)
            node, rest = child, rest[shared:]
        node.values[value] = None

    def remove(self, tokens: Sequence[int], value: V) -> None:
        """Raises KeyError for a pair that is not there."""
        path = [self._root]
        rest = list(tokens)
        while rest:
            child = path[-1].children.get(rest[0])
            if child is None or rest[: len(child.edge)] != child.edge:
                raise KeyError(value)
            path.append(child)
            rest = rest[len(child.edge) :]
        del path[-1].values[value]
        if len(path) > 1 and not path[-1].values:
            _prune(path[-2], path[-1])
            if len(path) > 2 and not path[-2].values:
                _prune(path[-3], path[-2])

    def find_longest(self, tokens: Sequence[int]) -> tuple[int, V | None]:
        """The length of the longest prefix that any sequence shares, and a value that does."""
        node, matched = self._root, 0
        rest = list(tokens)
        while rest:
            child = node.children.get(rest[0])
            if child is None:
                break
            shared = common_prefix(child.edge, rest)
            matched += shared
            node, rest = child, rest[shared:]
            if shared < len(child.edge):
                break
        return (matched, _any_value(node)) if matched else (0, None)

    def find_contained(self, tokens: Sequence[int]) -> Iterator[tuple[int, V]]:
        """Values whose whole sequence is a prefix of `tokens`, with its length; shortest first."""
        node, matched = self._root, 0
        rest = list(tokens)
        while True:
            for value in node.values:
                yield matched, value
            child = node.children.get(rest[0]) if rest else None
            if child is None or rest[: len(child.edge)] != child.edge:
                return
            node = child
            matched += len(child.edge)
            rest = rest[len(child.edge) :]


def _split(node: _Node[V], length: int) -> _Node[V]:
    """A new node in the middle of an edge; the old one hangs below it."""
    upper: _Node[V] = _Node(node.edge[:length])
    node.edge = node.edge[length:]
    upper.children[node.edge[0]] = node
    return upper


def _prune(parent: _Node[V], node: _Node[V]) -> None:
    """Take out a node that says nothing any more, joining the edges around it."""
    if not node.children:
        del parent.children[node.edge[0]]
    elif len(node.children) == 1:
        (child,) = node.children.values()
        parent.children[node.edge[0]] = child
        child.edge = node.edge + child.edge


def _any_value(node: _Node[V]) -> V | None:
    """A value at or below a node: every leaf has one."""
    while not node.values:
        if not node.children:
            return None
        node = next(iter(node.children.values()))
    return next(iter(node.values))

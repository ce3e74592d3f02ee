"""One parsed template: its tree, the names it refers to, and rendering. Immutable."""

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.execute import execute
from engine.prompt.gotemplate.functions import FUNCTIONS, SHORT_CIRCUIT
from engine.prompt.gotemplate.nodes import (
    Action,
    Chain,
    Command,
    Field,
    Node,
    Pipe,
    Statement,
    Variable,
    walk,
)
from engine.prompt.gotemplate.parse import Tree, parse_tree

MAX_SOURCE_CHARS = 128 * 1024


class Template:
    """A template ready to run. May be shared between threads."""

    def __init__(self, source: str, tree: Tree) -> None:
        """Use `parse`."""
        self.source = source
        self.tree = tree

    @cached_property
    def variables(self) -> frozenset[str]:
        """Lower-cased names of all fields and variables, wherever they stand."""
        return frozenset(name.lower() for node in self._nodes() for name in names_in(node))

    def render(self, values: Mapping[str, object]) -> str:
        """The output for the root data. Raises TemplateError with line and column."""
        return execute(self.source, self.tree, values)

    def _nodes(self) -> Iterator[Node]:
        for body in (self.tree.body, *self.tree.templates.values()):
            for statement in body:
                yield from walk(statement)


def names_in(node: Node) -> tuple[str, ...]:
    """What a node itself refers to; a variable's own name keeps its dollar sign."""
    match node:
        case Field() | Chain():
            return node.names
        case Variable():
            return (node.name, *node.names)
    return ()


def parse(source: str) -> Template:
    """A template from its text; the last few are remembered.

    One that mentions neither Messages nor Response gets `{{ .Response }}` at its end (spec 5.1).
    Raises TemplateError with line and column.
    """
    if len(source) > MAX_SOURCE_CHARS:
        raise TemplateError(f"template: longer than {MAX_SOURCE_CHARS} characters")
    return _parse(source)


@lru_cache(maxsize=32)
def _parse(source: str) -> Template:
    tree = parse_tree(source, FUNCTIONS.keys() | SHORT_CIRCUIT)
    template = Template(source, tree)
    if not template.variables & {"messages", "response"}:
        tree = Tree((*tree.body, _response(len(source))), tree.templates)
        template = Template(source, tree)
    return template


def _response(position: int) -> Statement:
    command = Command((Field(("Response",), position),), position)
    return Action(Pipe((command,), position), position)

"""The tree of a template. Every node knows where it stands; `str` gives it back as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

Value = Union["Field", "Variable", "Chain", "Function", "Literal", "Dot", "Nil", "Pipe"]
"""Anything that can stand as an operand."""

Statement = Union["Text", "Action", "Branch", "Call", "Jump"]


@dataclass(frozen=True)
class Field:
    """`.A.B` of the current dot."""

    names: tuple[str, ...]
    position: int

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(frozen=True)
class Variable:
    """`$name.A.B`; the name keeps its dollar sign."""

    name: str
    names: tuple[str, ...]
    position: int

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(frozen=True)
class Chain:
    """`(pipeline).A.B`"""

    value: Value
    names: tuple[str, ...]
    position: int

    def __str__(self) -> str:
        return ".".join((str(self.value), *self.names))


@dataclass(frozen=True)
class Function:
    """A function's name."""

    name: str
    position: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Literal:
    """A constant; `text` is its spelling in the template."""

    value: str | int | float | bool
    text: str
    position: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Dot:
    """`.`"""

    position: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True)
class Nil:
    """`nil`"""

    position: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True)
class Command:
    """One stage of a pipeline: an operand, or a function and its arguments."""

    operands: tuple[Value, ...]
    position: int

    def __str__(self) -> str:
        return " ".join(map(str, self.operands))


@dataclass(frozen=True)
class Pipe:
    """`$x, $y := command | command`"""

    commands: tuple[Command, ...]
    position: int
    variables: tuple[str, ...] = ()
    assigns: bool = False
    """`=` instead of `:=`."""
    bracketed: bool = False

    def __str__(self) -> str:
        head = f"{', '.join(self.variables)} {'=' if self.assigns else ':='} "
        text = (head if self.variables else "") + " | ".join(map(str, self.commands))
        return f"({text})" if self.bracketed else text


@dataclass(frozen=True)
class Text:
    """What is copied to the output."""

    text: str
    position: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Action:
    """`{{ pipeline }}`"""

    pipe: Pipe
    position: int

    def __str__(self) -> str:
        return str(self.pipe)


@dataclass(frozen=True)
class Branch:
    """`if`, `with` or `range`, with what to do otherwise."""

    keyword: str
    pipe: Pipe
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    position: int

    def __str__(self) -> str:
        return f"{self.keyword} {self.pipe}"


@dataclass(frozen=True)
class Call:
    """`{{ template "name" pipeline }}`"""

    name: str
    pipe: Pipe | None
    position: int

    def __str__(self) -> str:
        return f'template "{self.name}"'


@dataclass(frozen=True)
class Jump:
    """`break` or `continue`."""

    keyword: str
    position: int

    def __str__(self) -> str:
        return self.keyword


Node = Value | Statement | Command


def children(node: Node) -> Iterator[Node]:
    """The nodes right below, in the order of the text."""
    match node:
        case Chain():
            yield node.value
        case Command():
            yield from node.operands
        case Pipe():
            yield from node.commands
        case Action():
            yield node.pipe
        case Branch():
            yield node.pipe
            yield from node.body
            yield from node.otherwise
        case Call(pipe=Pipe() as pipe):
            yield pipe


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the text."""
    yield node
    for child in children(node):
        yield from walk(child)

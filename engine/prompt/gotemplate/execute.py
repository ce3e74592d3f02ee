"""Walks a template's tree over its data and writes the output."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.errors import FailureError, execution_error
from engine.prompt.gotemplate.functions import FUNCTIONS, SHORT_CIRCUIT
from engine.prompt.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Function,
    Jump,
    Literal,
    Nil,
    Node,
    Pipe,
    Statement,
    Text,
    Value,
    Variable,
)
from engine.prompt.gotemplate.parse import Tree
from engine.prompt.gotemplate.values import (
    MAX_TEXT_CHARS,
    Absent,
    get_field,
    is_true,
    sorted_keys,
    to_text,
)

MAX_STEPS = 1_000_000
"""Nodes evaluated, plus one for every CHARS_PER_STEP characters that are moved."""
CHARS_PER_STEP = 256
MAX_DEPTH = 100
"""Nesting of statements, calls and brackets while running."""

_SIZED = (str, list, dict)
_NO_FINAL = object()  # nothing comes down the pipeline


class _BreakError(Exception):
    """Leaves the innermost range."""


class _ContinueError(Exception):
    """Goes on with the next turn of the innermost range."""


def execute(source: str, tree: Tree, data: Mapping[str, object]) -> str:
    """The output. Raises TemplateError with the place, also when a limit is reached."""
    run = _Execution(source, tree, data)
    try:
        run.statements(tree.body, data)
    except RecursionError as exc:
        raise TemplateError("template: the data is nested too deep") from exc
    return "".join(run.output)


class _Execution:
    """One run: the output so far, the variables in scope and what may still be spent."""

    def __init__(self, source: str, tree: Tree, data: object) -> None:
        self.output: list[str] = []
        self._source = source
        self._tree = tree
        self._variables: list[tuple[str, object]] = [("$", data)]
        self._size = 0
        self._steps = MAX_STEPS
        self._depth = 0

    def _fail(self, node: Node, message: str) -> NoReturn:
        raise execution_error(self._source, node.position, str(node), message)

    def _spend(self, node: Node, steps: int = 1) -> None:
        self._steps -= steps
        if self._steps < 0:
            self._fail(node, "the template does not come to an end")

    def _enter(self, node: Node) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(node, f"exceeded maximum template depth ({MAX_DEPTH})")

    def _write(self, node: Node, text: str) -> None:
        self._size += len(text)
        self._spend(node, len(text) // CHARS_PER_STEP)
        if self._size > MAX_TEXT_CHARS:
            self._fail(node, f"output is longer than {MAX_TEXT_CHARS} characters")
        self.output.append(text)

    # statements

    def statements(self, body: Sequence[Statement], dot: object) -> None:
        for statement in body:
            self._statement(statement, dot)

    def _statement(self, statement: Statement, dot: object) -> None:
        self._spend(statement)
        match statement:
            case Text():
                self._write(statement, statement.text)
            case Action():
                value = self._pipe(statement.pipe, dot)
                if not statement.pipe.variables:
                    self._write(statement.pipe, self._printed(statement.pipe, value))
            case Branch():
                self._enter(statement.pipe)
                in_scope = len(self._variables)
                self._branch(statement, dot)
                del self._variables[in_scope:]
                self._depth -= 1
            case Call():
                self._call(statement, dot)
            case Jump():
                raise _BreakError if statement.keyword == "break" else _ContinueError

    def _printed(self, pipe: Pipe, value: object) -> str:
        if value is None:
            return "<no value>"
        return str(self._guard(pipe, to_text, value))

    def _branch(self, branch: Branch, dot: object) -> None:
        if branch.keyword == "range":
            self._range(branch, dot)
            return
        value = self._pipe(branch.pipe, dot)
        if is_true(value):
            self.statements(branch.body, value if branch.keyword == "with" else dot)
        else:
            self.statements(branch.otherwise, dot)

    def _range(self, branch: Branch, dot: object) -> None:
        value = self._pipe(branch.pipe, dot, declare=False)
        ran = False
        in_scope = len(self._variables)
        depth = self._depth
        for key, item in self._items(branch.pipe, value):
            ran = True
            self._spend(branch.pipe)
            self._bind_turn(branch.pipe, key, item)
            try:
                self.statements(branch.body, item)
            except _ContinueError:
                pass
            except _BreakError:
                break
            finally:
                self._depth = depth
                del self._variables[in_scope:]
        if not ran:
            self.statements(branch.otherwise, dot)

    def _items(self, pipe: Pipe, value: object) -> Iterable[tuple[object, object]]:
        match value:
            case None | Absent():
                return ()
            case bool() | str():
                pass
            case int():
                if len(pipe.variables) > 1:
                    self._fail(pipe, f"can't use {value} to iterate over more than one variable")
                return ((number, number) for number in range(value))
            case Mapping():
                return [(key, value[key]) for key in sorted_keys(value)]
            case Sequence():
                return enumerate(value)
        self._fail(pipe, f"range can't iterate over {to_text(value)[:40]}")

    def _bind_turn(self, pipe: Pipe, key: object, item: object) -> None:
        bound = (item,) if len(pipe.variables) == 1 else (key, item)
        for name, value in zip(pipe.variables, bound, strict=False):
            if pipe.assigns:
                self._assign(name, value)
            else:
                self._variables.append((name, value))

    def _call(self, call: Call, dot: object) -> None:
        body = self._tree.templates.get(call.name)
        if body is None:
            self._fail(call, f'template "{call.name}" not defined')
        data = self._pipe(call.pipe, dot) if call.pipe else None
        self._enter(call)
        outer, self._variables = self._variables, [("$", data)]
        self.statements(body, data)
        self._variables = outer
        self._depth -= 1

    # variables

    def _assign(self, name: str, value: object) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return

    def _lookup(self, name: str) -> object:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise AssertionError(f"the parser let {name} through")

    # expressions

    def _pipe(self, pipe: Pipe, dot: object, *, declare: bool = True) -> object:
        """The last command's value; range binds its variables itself (`declare` false)."""
        value: object = _NO_FINAL
        for command in pipe.commands:
            value = self._command(command, dot, value)
        if declare:
            for name in pipe.variables:
                if pipe.assigns:
                    self._assign(name, value)
                else:
                    self._variables.append((name, value))
        return value

    def _command(self, command: Command, dot: object, final: object) -> object:
        first = command.operands[0]
        self._spend(first)
        if isinstance(first, Function):
            return self._function(first, command.operands[1:], dot, final)
        if len(command.operands) > 1 or final is not _NO_FINAL:
            self._fail(first, f"can't give argument to non-function {first}")
        if isinstance(first, Nil):
            self._fail(first, "nil is not a command")
        return self._value(first, dot)

    def _value(self, node: Value, dot: object) -> object:
        self._spend(node)
        match node:
            case Field():
                return self._fields(node, dot, node.names)
            case Variable():
                return self._fields(node, self._lookup(node.name), node.names)
            case Chain():
                return self._fields(node, self._value(node.value, dot), node.names)
            case Literal():
                return node.value
            case Dot():
                return dot
            case Nil():
                return None
            case Pipe():
                self._enter(node)
                value = self._pipe(node, dot)
                self._depth -= 1
                return value
            case Function():
                return self._function(node, (), dot, _NO_FINAL)

    def _fields(self, node: Value, value: object, names: Sequence[str]) -> object:
        for name in names:
            value = self._guard(node, get_field, value, name)
        return value

    def _function(
        self, function: Function, operands: Sequence[Value], dot: object, final: object
    ) -> object:
        count = len(operands) + (final is not _NO_FINAL)
        if function.name in SHORT_CIRCUIT:
            if not count:
                self._wrong_number(function, "at least 1", count)
            return self._short_circuit(function, operands, dot, final)
        builtin = FUNCTIONS[function.name]
        if count < builtin.fewest or (builtin.most is not None and count > builtin.most):
            exact = builtin.most is not None
            want = str(builtin.fewest) if exact else f"at least {builtin.fewest}"
            self._wrong_number(function, want, count)
        arguments = [self._value(operand, dot) for operand in operands]
        if final is not _NO_FINAL:
            arguments.append(final)
        return self._guard(function, builtin.call, *arguments)

    def _wrong_number(self, function: Function, want: str, got: int) -> NoReturn:
        self._fail(function, f"wrong number of args for {function.name}: want {want} got {got}")

    def _short_circuit(
        self, function: Function, operands: Sequence[Value], dot: object, final: object
    ) -> object:
        """`and` answers its first false argument, `or` its first true one, else the last."""
        value: object = None
        for operand in operands:
            value = self._value(operand, dot)
            if is_true(value) == (function.name == "or"):
                return value
        return value if final is _NO_FINAL else final

    def _guard(self, node: Node, call: Callable[..., object], *arguments: object) -> object:
        """Carries out a call, charges it for what it moves, and gives its failure a place."""
        try:
            value = call(*arguments)
        except FailureError as exc:
            called = f"error calling {node.name}: " if isinstance(node, Function) else ""
            self._fail(node, f"{called}{exc}")
        moved = sum(len(part) for part in (value, *arguments) if isinstance(part, _SIZED))
        self._spend(node, moved // CHARS_PER_STEP)
        return value

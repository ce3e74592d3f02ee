"""Builds the tree of a template from its tokens, by recursive descent."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NoReturn

from engine.prompt.gotemplate.errors import parse_error
from engine.prompt.gotemplate.lex import Kind, Token, lex, quote
from engine.prompt.gotemplate.literals import parse_character, parse_number, unquote
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
    Pipe,
    Statement,
    Text,
    Value,
    Variable,
)

MAX_DEPTH = 60
"""Nesting of actions and brackets."""

_BLANK = re.compile(r"[ \t\r\n]*")
_KEYWORDS = frozenset(
    {"if", "with", "range", "else", "end", "define", "block", "template", "break", "continue"}
)
_OPERAND_KINDS = frozenset(
    {
        Kind.FIELD,
        Kind.DOT,
        Kind.VARIABLE,
        Kind.WORD,
        Kind.NUMBER,
        Kind.CHARACTER,
        Kind.STRING,
        Kind.RAW_STRING,
    }
)


@dataclass
class Tree:
    """What a source defines: the main body, and named templates."""

    body: tuple[Statement, ...] = ()
    templates: dict[str, tuple[Statement, ...]] = field(default_factory=dict)


def parse_tree(source: str, functions: Collection[str]) -> Tree:
    """Raises TemplateError with line and column."""
    return _Parser(source, functions).parse()


class _Parser:
    """State of one run: the tokens, a look-ahead of one, and the variables in scope."""

    def __init__(self, source: str, functions: Collection[str]) -> None:
        self._source = source
        self._functions = functions
        self._tokens = lex(source)
        self._current = next(self._tokens)
        self._variables = ["$"]
        self._tree = Tree()
        self._depth = 0
        self._range_depth = 0

    def parse(self) -> Tree:
        body, ending = self._statements(top=True)
        assert ending == ""
        self._tree.body = body
        return self._tree

    # tokens

    def _take(self) -> Token:
        token = self._current
        if token.kind is not Kind.END:
            self._current = next(self._tokens)
        return token

    def _skip_space(self) -> bool:
        is_space = self._current.kind is Kind.SPACE
        if is_space:
            self._take()
        return is_space

    def _fail(self, message: str, position: int | None = None) -> NoReturn:
        where = self._current.position if position is None else position
        raise parse_error(self._source, where, message)

    def _unexpected(self, context: str) -> NoReturn:
        token = self._current
        if token.kind is Kind.END:
            self._fail("unexpected EOF")
        shown = quote(token.text) if token.kind is not Kind.WORD else f"<{token.text}>"
        self._fail(f"unexpected {shown} in {context}")

    def _close(self, context: str) -> None:
        self._skip_space()
        if self._current.kind is not Kind.CLOSE:
            self._unexpected(context)
        self._take()

    @contextmanager
    def _nested(self, position: int) -> Iterator[None]:
        """One level deeper, with its own scope of variables."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"nested more than {MAX_DEPTH} levels deep", position)
        in_scope = len(self._variables)
        yield
        del self._variables[in_scope:]
        self._depth -= 1

    # statements

    def _statements(self, *, top: bool = False) -> tuple[tuple[Statement, ...], str]:
        """Statements up to `end` or `else`, which is taken up to its own word and returned."""
        found: list[Statement] = []
        while True:
            token = self._take()
            if token.kind is Kind.END:
                if top:
                    return tuple(found), ""
                self._fail("unexpected EOF")
            if token.kind is Kind.TEXT:
                found.append(Text(token.text, token.position))
                continue
            self._skip_space()
            word = self._current.text if self._current.kind is Kind.WORD else ""
            if word in ("end", "else"):
                if top:
                    self._fail(f"unexpected {{{{{word}}}}}")
                self._take()
                return tuple(found), word
            statement = self._statement(word, top=top)
            if statement is not None:
                found.append(statement)

    def _statement(self, word: str, *, top: bool) -> Statement | None:
        position = self._current.position
        if word not in _KEYWORDS:
            pipe = self._pipeline("command")
            self._close("command")
            return Action(pipe, position)
        self._take()
        match word:
            case "if" | "with" | "range":
                return self._branch(word, position)
            case "break" | "continue":
                self._close(word)
                if not self._range_depth:
                    self._fail(f"{{{{{word}}}}} outside {{{{range}}}}", position)
                return Jump(word, position)
            case "template":
                return self._call(position)
            case "block":
                return self._block(position)
        if not top:
            self._fail("unexpected {{define}}", position)
        self._define(position)
        return None

    def _branch(self, keyword: str, position: int) -> Branch:
        with self._nested(position):
            pipe = self._pipeline(keyword)
            self._close(keyword)
            in_range = keyword == "range"
            self._range_depth += in_range
            body, ending = self._statements()
            self._range_depth -= in_range
            otherwise: tuple[Statement, ...] = ()
            if ending == "else":
                otherwise = self._otherwise(keyword)
            else:
                self._close("end")
        return Branch(keyword, pipe, body, otherwise, position)

    def _otherwise(self, keyword: str) -> tuple[Statement, ...]:
        """After `else`: the same keyword again makes a branch that shares our `end`."""
        self._skip_space()
        token = self._current
        if keyword != "range" and token.kind is Kind.WORD and token.text == keyword:
            self._take()
            return (self._branch(keyword, token.position),)
        self._close("else")
        body, ending = self._statements()
        if ending == "else":
            self._fail("expected end; found {{else}}")
        self._close("end")
        return body

    def _call(self, position: int) -> Call:
        name = self._template_name("template clause")
        self._skip_space()
        pipe = None if self._current.kind is Kind.CLOSE else self._pipeline("template clause")
        self._close("template clause")
        return Call(name, pipe, position)

    def _block(self, position: int) -> Call:
        name = self._template_name("block clause")
        pipe = self._pipeline("block clause")
        self._close("block clause")
        self._tree.templates[name] = self._named_body(position)
        return Call(name, pipe, position)

    def _define(self, position: int) -> None:
        name = self._template_name("define clause")
        self._close("define clause")
        self._tree.templates[name] = self._named_body(position)

    def _named_body(self, position: int) -> tuple[Statement, ...]:
        """A template's own text: it sees no variable of its surroundings but `$`."""
        outer, self._variables = self._variables, ["$"]
        outer_range, self._range_depth = self._range_depth, 0
        with self._nested(position):
            body, ending = self._statements()
            if ending == "else":
                self._fail("unexpected {{else}} in define clause")
            self._close("end")
        self._variables, self._range_depth = outer, outer_range
        return body

    def _template_name(self, context: str) -> str:
        self._skip_space()
        if self._current.kind not in (Kind.STRING, Kind.RAW_STRING):
            self._unexpected(context)
        token = self._take()
        return unquote(self._source, token)

    # pipelines

    def _pipeline(self, context: str) -> Pipe:
        self._skip_space()
        position = self._current.position
        variables, assigns, first = self._declarations(context)
        if first is None:
            self._skip_space()
            if self._ends_pipeline():
                self._fail(f"missing value for {context}", position)
            first = self._command(context)
        commands = [first]
        while self._current.text == "|":
            self._take()
            self._skip_space()
            if self._ends_pipeline():
                self._fail(f"missing value for {context}", position)
            commands.append(self._command(context))
        if not self._ends_pipeline():
            self._unexpected(context)
        for number, command in enumerate(commands[1:], start=2):
            if isinstance(command.operands[0], Literal | Dot | Nil):
                self._fail(f"non executable command in pipeline stage {number}", command.position)
        return Pipe(tuple(commands), position, variables, assigns)

    def _ends_pipeline(self) -> bool:
        return self._current.kind in (Kind.CLOSE, Kind.END) or self._current.text == ")"

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool, Command | None]:
        """`$x :=`, `$x =` or, for range, `$x, $y :=`.

        A variable may begin an expression instead: then the first command is returned.
        """
        if self._current.kind is not Kind.VARIABLE:
            return (), False, None
        first = self._take()
        spaced = self._skip_space()
        names = [first.text]
        if self._current.text == ",":
            if context != "range":
                self._fail(f"too many declarations in {context}")
            self._take()
            self._skip_space()
            if self._current.kind is not Kind.VARIABLE:
                self._unexpected("range")
            names.append(self._take().text)
            self._skip_space()
            if self._current.text not in (":=", "="):
                self._unexpected("range")
        if self._current.text not in (":=", "="):
            return (), False, self._command(context, self._variable(first), spaced=spaced)
        assigns = self._take().text == "="
        for name in names:
            if not assigns:
                self._variables.append(name)
            elif name not in self._variables:
                self._fail(f"undefined variable {quote(name)}", first.position)
        return tuple(names), assigns, None

    def _command(
        self, context: str, first: Value | None = None, *, spaced: bool = False
    ) -> Command:
        position = self._current.position if first is None else first.position
        operands: list[Value] = []
        if first is not None:
            operands.append(first if spaced else self._fields(first))
            spaced = self._skip_space() or spaced
        else:
            spaced = True
        while self._current.kind in _OPERAND_KINDS or self._current.text == "(":
            if not spaced:
                self._unexpected("operand")
            operands.append(self._fields(self._operand()))
            spaced = self._skip_space()
        if not operands:
            self._unexpected(context)
        return Command(tuple(operands), position)

    def _operand(self) -> Value:
        token = self._take()
        match token.kind:
            case Kind.FIELD:
                return Field((token.text[1:],), token.position)
            case Kind.DOT:
                return Dot(token.position)
            case Kind.VARIABLE:
                return self._variable(token)
            case Kind.NUMBER:
                return Literal(parse_number(self._source, token), token.text, token.position)
            case Kind.CHARACTER:
                return Literal(parse_character(self._source, token), token.text, token.position)
            case Kind.STRING | Kind.RAW_STRING:
                return Literal(unquote(self._source, token), token.text, token.position)
            case Kind.WORD:
                return self._word(token)
        with self._nested(token.position):
            pipe = self._pipeline("parenthesized pipeline")
        if self._current.text != ")":
            self._fail("unclosed left paren", token.position)
        self._take()
        return replace(pipe, bracketed=True)

    def _word(self, token: Token) -> Value:
        if token.text in ("true", "false"):
            return Literal(token.text == "true", token.text, token.position)
        if token.text == "nil":
            return Nil(token.position)
        if token.text in _KEYWORDS:
            self._fail(f"unexpected <{token.text}> in operand", token.position)
        if token.text not in self._functions:
            self._fail(f"function {quote(token.text)} not defined", token.position)
        return Function(token.text, token.position)

    def _variable(self, token: Token) -> Variable:
        if token.text not in self._variables:
            self._fail(f"undefined variable {quote(token.text)}", token.position)
        return Variable(token.text, (), token.position)

    def _fields(self, value: Value) -> Value:
        """`.A.B` right behind an operand."""
        names = []
        while self._current.kind is Kind.FIELD:
            if isinstance(value, Literal | Nil | Dot):
                self._fail(f"unexpected . after term {quote(str(value))}")
            names.append(self._take().text[1:])
        if not names:
            return value
        match value:
            case Field():
                return replace(value, names=(*value.names, *names))
            case Variable():
                return replace(value, names=tuple(names))
        return Chain(value, tuple(names), value.position)

"""Jinja environment for templates from strangers: no side effects, and bombs run out of budget.

Jinja's immutable sandbox keeps a template from reaching Python; it puts no bound on work. Here every
loop turn and call costs a step, and every operation that can multiply text or numbers is weighed
before it is carried out. What is left (a process that renders under time and memory walls) belongs
to the caller.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from jinja2 import filters, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context
from jinja2.visitor import NodeTransformer

MAX_TEXT_CHARS = 8 * 1024 * 1024
"""Longest text that any single operation may produce."""
MAX_STEPS = 2_000_000
"""Loop turns and calls in one rendering."""
MAX_BUILT_CHARS = 256 * 1024 * 1024
"""Sum of all texts built by operators in one rendering."""
MAX_WIDTH = 10_000
"""Largest number that may mean a width, a count or a precision."""
MAX_INT_BITS = 4096

_WIDE_PERCENT = re.compile(r"%[^a-zA-Z%]*(?:\d{5,}|\*)")
_WIDE_BRACES = re.compile(r"\{[^{}]*(?:\d{5,}|\{)")


class Budget:
    """What one rendering may still spend."""

    def __init__(self) -> None:
        self._steps = MAX_STEPS
        self._chars = MAX_BUILT_CHARS

    def step(self) -> None:
        """One loop turn or call. Raises SecurityError when none is left."""
        self._steps -= 1
        if self._steps < 0:
            raise SecurityError("the template does not come to an end")

    def build(self, chars: int) -> None:
        """A text (or list) of this length is about to be built. Raises SecurityError."""
        self._chars -= chars
        if chars > MAX_TEXT_CHARS or self._chars < 0:
            raise SecurityError("the template builds too large a text")


_budget: ContextVar[Budget] = ContextVar("template_budget")


class Spending:
    """`with Spending():` gives the renderings inside a fresh budget."""

    def __enter__(self) -> None:
        self._token = _budget.set(Budget())

    def __exit__(self, *_: object) -> None:
        _budget.reset(self._token)


class GenerationTag(Extension):
    """`{% generation %} ... {% endgeneration %}` marks training targets; rendering ignores it."""

    tags = {"generation"}  # noqa: RUF012  # the attribute Jinja reads

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The body takes the tag's place."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The one environment that chat templates are compiled in."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[loopcontrols, GenerationTag],
            cache_size=0,
        )
        self.globals.pop("lipsum", None)
        self.filters.update(_guarded_filters())

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        return _Metering().visit(tree)  # type: ignore[no-any-return]

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Lists may grow and shrink: templates in use keep queues in them."""
        if attr in ("append", "pop") and type(obj) is list:
            return True
        return super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Every call in a template comes through here."""
        _budget.get().step()
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str | bytes):
            _weigh_method(owner, getattr(__obj, "__name__", ""), args, kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`+ * ** %`, weighed first."""
        match operator:
            case "%" if isinstance(left, str):
                _refuse_width(_WIDE_PERCENT, left)
            case "**":
                _weigh_power(left, right)
            case "*" | "+":
                _weigh_product_or_sum(operator, left, right)
        return super().call_binop(context, operator, left, right)


class _Metering(NodeTransformer):
    """Puts a meter on loops and on `~`, which the sandbox does not intercept."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        node = self.generic_visit(node)  # type: ignore[assignment]
        node.iter = _metered("_metered_items", node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        node = self.generic_visit(node)  # type: ignore[assignment]
        pieces = nodes.List(node.nodes, lineno=node.lineno)
        pieces.set_environment(node.environment)  # type: ignore[arg-type]
        return _metered("_metered_join", pieces)


def _metered(name: str, value: nodes.Expr) -> nodes.Filter:
    wrapped = nodes.Filter(value, name, [], [], None, None, lineno=value.lineno)
    wrapped.set_environment(value.environment)  # type: ignore[arg-type]
    return wrapped


@pass_context
def _metered_items(_: Context, items: Iterable[object]) -> Iterable[object]:
    if hasattr(items, "__len__"):
        return _Sized(items)
    return _count_turns(items)


class _Sized:
    """A counted iterable that still knows its length, which `loop.length` asks for."""

    def __init__(self, items: Iterable[object]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[object]:
        return _count_turns(self._items)


def _count_turns(items: Iterable[object]) -> Iterator[object]:
    budget = _budget.get()
    for item in items:
        budget.step()
        yield item


@pass_context
def _metered_join(_: Context, pieces: list[object]) -> str:
    texts = [str(piece) for piece in pieces]
    _budget.get().build(sum(map(len, texts)))
    return "".join(texts)


def _weigh_product_or_sum(operator: str, left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MAX_INT_BITS:
            raise SecurityError("the template computes too large a number")
        return
    if operator == "+":
        if hasattr(left, "__len__") and hasattr(right, "__len__"):
            _budget.get().build(len(left) + len(right))
        return
    for text, times in ((left, right), (right, left)):
        if isinstance(times, int) and hasattr(text, "__len__"):
            _budget.get().build(len(text) * max(times, 0))


def _weigh_power(left: Any, right: Any) -> None:
    if not (isinstance(left, int) and isinstance(right, int)):
        return
    if left.bit_length() * abs(right) > MAX_INT_BITS:
        raise SecurityError("the template computes too large a number")


def _weigh_method(
    owner: str | bytes, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """A method of a text that could blow it up."""
    match name:
        case "center" | "ljust" | "rjust" | "zfill" | "expandtabs":
            _refuse_wide_arguments(args, kwargs)
            _budget.get().build(len(owner) + MAX_WIDTH)
        case "format" | "format_map" if isinstance(owner, str):
            _refuse_width(_WIDE_BRACES, owner.replace("{{", "").replace("}}", ""))
        case "replace" if len(args) >= 2:
            _weigh_replace(owner, args[0], args[1])
        case "join" if args:
            _budget.get().build(_joined_chars(owner, args[0]))


def _weigh_replace(text: Any, old: Any, new: Any) -> None:
    if not isinstance(text, str) or not isinstance(old, str) or not isinstance(new, str):
        return
    _budget.get().build(len(text) + text.count(old) * max(len(new) - len(old), 0))


def _joined_chars(separator: Any, pieces: Any) -> int:
    # An iterator can only be walked once: it is left alone, its turns were counted where it was made.
    if not isinstance(pieces, list | tuple):
        return 0
    return sum(len(piece) for piece in pieces if isinstance(piece, str)) + len(separator) * len(
        pieces
    )


def _refuse_width(pattern: re.Pattern[str], text: str) -> None:
    if pattern.search(text):
        raise SecurityError("the template formats a text with too large a width")


def _refuse_wide_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for value in (*args, *kwargs.values()):
        if isinstance(value, int) and abs(value) > MAX_WIDTH:
            raise SecurityError(f"the template asks for a width or count over {MAX_WIDTH}")
        if isinstance(value, str):
            _budget.get().build(len(value))


def _guarded_filters() -> dict[str, Callable[..., Any]]:
    """Jinja's filters that can multiply text, weighed; all see the context, so none is folded early."""
    guarded: dict[str, Callable[..., Any]] = {
        "_metered_items": _metered_items,
        "_metered_join": _metered_join,
        "format": _format,
        "join": _join,
        "replace": _replace,
    }
    for name in ("center", "indent", "batch", "slice", "wordwrap", "truncate"):
        guarded[name] = _guard_numbers(
            filters.FILTERS[name], environment=name in ("wordwrap", "truncate")
        )
    return guarded


def _guard_numbers(inner: Callable[..., Any], *, environment: bool) -> Callable[..., Any]:
    @pass_context
    def guarded(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_wide_arguments(args, kwargs)
        if isinstance(value, str):
            widest = max(
                (a if isinstance(a, int) else len(str(a)) for a in (*args, *kwargs.values())),
                default=4,
            )
            _budget.get().build(len(value) + widest * (value.count("\n") + 1))
        leading = (context.environment,) if environment else ()
        return inner(*leading, value, *args, **kwargs)

    return guarded


@pass_context
def _format(_: Context, value: Any, *args: Any, **kwargs: Any) -> str:
    _refuse_width(_WIDE_PERCENT, str(value))
    return filters.do_format(value, *args, **kwargs)


@pass_context
def _join(context: Context, value: Iterable[Any], d: str = "", attribute: Any = None) -> str:
    pieces = list(value)
    joined = filters.sync_do_join(context.eval_ctx, iter(()), d)
    assert joined == ""
    _budget.get().build(_joined_chars(str(d), [str(piece) for piece in pieces]))
    return filters.sync_do_join(context.eval_ctx, pieces, d, attribute)


@pass_context
def _replace(context: Context, s: Any, old: Any, new: Any, count: int | None = None) -> str:
    _weigh_replace(str(s), str(old), str(new))
    return filters.do_replace(context.eval_ctx, s, old, new, count)

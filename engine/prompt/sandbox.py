"""Jinja environment for templates from strangers: no side effects, and bombs run out of budget.

Jinja's immutable sandbox keeps a template from reaching Python; it puts no bound on work. Here
every loop turn and call costs a step, and every operation that can multiply text or numbers is
weighed before it is carried out (budget.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from jinja2 import filters, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context
from jinja2.visitor import NodeTransformer

from engine.prompt.budget import (
    CALL_STEPS,
    budget,
    weigh_join,
    weigh_method,
    weigh_numbers,
    weigh_operator,
    weigh_percent,
    weigh_replace,
    weigh_structure,
)


class GenerationTag(Extension):
    """`{% generation %} ... {% endgeneration %}` marks training targets; rendering ignores it."""

    tags = {"generation"}  # noqa: RUF012  # the attribute that Jinja reads

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
            finalize=_weighed,
            cache_size=0,
        )
        del self.globals["lipsum"]
        self.filters.update(_guarded_filters())

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _Metering().visit(tree)
        return tree

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Lists may grow and shrink: templates in use keep queues in them."""
        if attr in ("append", "pop") and type(obj) is list:
            return True
        return super().is_safe_attribute(obj, attr, value)

    def call(
        __self,  # Jinja passes the template's keyword arguments on: no name may collide
        __context: Context,
        __obj: Callable[..., object],
        *args: object,
        **kwargs: object,
    ) -> object:
        """Every call in a template comes through here."""
        budget().step(CALL_STEPS)
        method = getattr(__obj, "__wrapped__", __obj)  # the sandbox wraps str.format
        owner = getattr(method, "__self__", None)
        if isinstance(owner, str):
            weigh_method(owner, method.__name__, args, kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """`+ * ** %`, weighed first."""
        weigh_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)


class _Metering(NodeTransformer):
    """Puts a meter on loops and on `~`, which the sandbox does not intercept."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = _filtered("_metered_items", node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filtered("_metered_concat", nodes.List(node.nodes, lineno=node.lineno))


def _filtered(name: str, value: nodes.Node) -> nodes.Filter:
    return nodes.Filter(value, name, [], [], None, None, lineno=value.lineno)


# Filters that take the context are never evaluated by the compiler, which has no budget.


@pass_context
def _metered_items(_: Context, items: Iterable[object]) -> Iterable[object]:
    return _SizedItems(items) if isinstance(items, Sized) else _count_turns(items)


class _SizedItems:
    """A counted iterable that still knows its length, which `loop.length` asks for."""

    def __init__(self, items: Iterable[object]) -> None:
        self._items = items

    def __len__(self) -> int:
        assert isinstance(self._items, Sized)
        return len(self._items)

    def __iter__(self) -> Iterator[object]:
        return _count_turns(self._items)


def _count_turns(items: Iterable[object]) -> Iterator[object]:
    spending = budget()
    for item in items:
        spending.step()
        yield item


@pass_context
def _metered_concat(_: Context, pieces: list[object]) -> str:
    texts = [str(_as_text(piece)) for piece in pieces]
    weigh_join("", texts)
    return "".join(texts)


def _as_text(value: object) -> object:
    weigh_structure(value)
    return value


@pass_context
def _weighed(_: Context, value: object) -> object:
    """Runs over everything that a template prints."""
    return _as_text(value)


@pass_context
def _string(_: Context, value: object) -> str:
    return str(_as_text(value))


@pass_context
def _format(_: Context, value: object, *args: object, **kwargs: object) -> str:
    weigh_percent(str(value), (*args, *kwargs.values()))
    return filters.do_format(str(value), *args, **kwargs)


@pass_context
def _join(
    context: Context,
    value: Iterable[Any],
    d: str = "",
    attribute: str | int | None = None,
) -> str:
    pieces = list(value)
    weigh_join(str(d), pieces)
    return filters.sync_do_join(context.eval_ctx, pieces, d, attribute)


@pass_context
def _replace(
    context: Context, s: object, old: object, new: object, count: int | None = None
) -> str:
    weigh_replace(str(s), str(old), str(new))
    return filters.do_replace(context.eval_ctx, str(s), str(old), str(new), count)


def _guarded_filters() -> dict[str, Callable[..., object]]:
    """Jinja's filters that can multiply text, each weighed first."""
    plain = {name: _guard(filters.FILTERS[name]) for name in ("center", "indent", "batch", "slice")}
    wrapped = {
        name: _guard(filters.FILTERS[name], needs_environment=True)
        for name in ("wordwrap", "truncate")
    }
    own: dict[str, Callable[..., object]] = {
        "_metered_items": _metered_items,
        "_metered_concat": _metered_concat,
        "format": _format,
        "join": _join,
        "replace": _replace,
        "string": _string,
    }
    return {**plain, **wrapped, **own}


def _guard(
    inner: Callable[..., object], *, needs_environment: bool = False
) -> Callable[..., object]:
    @pass_context
    def guarded(context: Context, value: object, *args: object, **kwargs: object) -> object:
        extra = (*args, *kwargs.values())
        weigh_numbers(extra)
        if isinstance(value, str):
            widths = [item if isinstance(item, int) else len(str(item)) for item in extra]
            budget().build(len(value) + max(widths, default=4) * (value.count("\n") + 1))
        leading = (context.environment,) if needs_environment else ()
        return inner(*leading, value, *args, **kwargs)

    return guarded

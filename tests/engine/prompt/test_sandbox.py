"""Hostile Jinja templates: they get nowhere, and they stop soon."""

import time

import pytest

from engine.prompt.budget import MAX_STEPS, MAX_TEXT_CHARS
from engine.prompt.errors import TemplateError
from engine.prompt.jinja import JinjaTemplate
from engine.prompt.messages import Conversation, Message

TALK = Conversation((Message("user", "Hi"),))

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__class__.__base__ }}",
    "{{ messages['__class__'] }}",
    "{{ messages | attr('__class__') }}",
    "{{ raise_exception.__globals__['__builtins__'] }}",
    "{{ strftime_now.__globals__ }}",
    "{{ strftime_now.__code__.co_consts }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ '{0.__class__.__mro__}'.format(1) }}",
    "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "{{ ('{0.__class__}' | attr('format'))(1) }}",
    "{{ ['{0.__class__}'] | map('format', 1) | list }}{{ ''.__class__ }}",
    "{{ [messages] | map(attribute='__class__') | list }}{{ {}.__class__ }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ messages.clear() }}",
    "{{ messages.extend([1]) }}",
    "{{ messages[0].update({'content': 'x'}) }}",
    "{{ messages[0].__setitem__('content', 'x') }}",
    "{{ lipsum.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{% import 'os' as os %}{{ os.system('id') }}",
    "{% extends 'x' %}",
    "{% include '/etc/passwd' %}",
    "{{ open('/etc/passwd').read() }}",
    "{{ __import__('os') }}",
    "{{ dict.fromkeys.__self__.__base__ }}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}{{ m._func.__globals__ }}",
    "{{ (messages | groupby('role')).__class__ }}",
    "{{ (range(3) | map('string')).gi_frame.f_globals }}",
]

BOMBS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(100000000) %}{% endfor %}",
    "{{ 'a' * 3000000000 }}",
    "{{ [0] * 3000000000 }}",
    "{{ 3000000000 * (1, 2) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%.1000000000f' % 1.0 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ '{:>{}}'.format(1, 1000000000) }}",
    "{{ '{a:>1000000000}'.format_map({'a': 1}) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ 'a'.center(1000000000) }}",
    "{{ 'a'.ljust(1000000000) }}",
    "{{ 'a'.zfill(1000000000) }}",
    "{{ 'a\t'.expandtabs(1000000000) }}",
    "{{ 'a' | indent(1000000000, true) }}",
    "{{ [1] | batch(1000000000, 1) | list }}",
    "{{ [1] | slice(1000000000) | list }}",
    "{{ 9 ** 999999999 }}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = ns.x | replace('a', ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] | join(ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = ns.x.join([ns.x, ns.x]) %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = '%s%s' % (ns.x, ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}"
    "{% for i in range(40) %}{% set ns.x = '{0}{0}'.format(ns.x) %}{% endfor %}",
    "{% set ns = namespace(x=3) %}"
    "{% for i in range(40) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}"
    "{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}"
    "{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
    "{% set ns = namespace(x=[1]) %}"
    "{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x ~ '' }}",
    "{% set ns = namespace(x=[1]) %}"
    "{% for i in range(40) %}{% set ns.x = {1: ns.x, 2: ns.x} %}{% endfor %}{{ ns.x | string }}",
    "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{{ strftime_now('%1000000000Y') }}",
    "{{ " + "(" * 20000 + "1" + ")" * 20000 + " }}",
    "{% if 1 %}" * 5000 + "{% endif %}" * 5000,
    "{% for i in [1] %}" * 200 + "{% endfor %}" * 200,
    "{{ [1] | tojson(indent=1000000000) }}",
    "{% for i in range(99999) %}{{ 'a' * 8000000 }}{% endfor %}",
    "{% for i in range(99999) %}{% set x = 'a' * 8000000 %}{% endfor %}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_an_escape_leads_nowhere(source: str) -> None:
    try:
        rendered = JinjaTemplate.parse(source).render(TALK)
    except TemplateError:
        return
    # An unknown name is nothing, which prints as nothing; a list of nothings shows its brackets.
    assert "class" not in rendered
    assert "built-in" not in rendered
    assert "function" not in rendered
    assert TALK.messages[0].content == "Hi"


@pytest.mark.parametrize("source", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_stops_soon_with_an_error(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateError):
        JinjaTemplate.parse(source).render(TALK)
    # Deadline of a slow and busy machine; a bomb that is not defused takes minutes or all memory.
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("chars", [MAX_TEXT_CHARS - 1, MAX_TEXT_CHARS])
def test_output_up_to_the_limit(chars: int) -> None:
    template = JinjaTemplate.parse(
        f"{{% set half = 'a' * {chars // 2} %}}{{{{ half }}}}{{{{ half }}}}"
    )
    assert len(template.render(TALK)) == chars // 2 * 2


def test_output_over_the_limit() -> None:
    template = JinjaTemplate.parse(f"{{{{ 'a' * {MAX_TEXT_CHARS} }}}}b")
    with pytest.raises(TemplateError, match="output is too long"):
        template.render(TALK)


def test_steps_are_counted_for_each_rendering_anew() -> None:
    turns = 99_000
    loops = f"{{% for i in range({turns}) %}}{{% endfor %}}"
    template = JinjaTemplate.parse(loops * (MAX_STEPS // turns // 2 + 1))
    assert template.render(TALK) == ""
    assert template.render(TALK) == ""

"""A query and a document as one token sequence, the way a reranker was trained. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.runner.embedding.inputs import TOO_LONG, InputError, Prepared, Tokenizer

QUERY_TOO_LONG = "the query is longer than the context length of the model"
_SHRINK = 0.9
"""Text cut to a number of tokens by its characters: a little more than that is cut."""


@dataclass(frozen=True)
class PairFormat:
    """How a model wants a query and a document joined."""

    template: str | None
    """With {query} and {document}; None: the two parts between special tokens."""
    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]


class PairReader:
    """Joins one query with many documents."""

    def __init__(self, vocabulary: Tokenizer, form: PairFormat, num_ctx: int) -> None:
        self._vocabulary = vocabulary
        self._form = form
        self._num_ctx = num_ctx

    def read(self, query: str, document: str, *, truncate: bool) -> Prepared:
        """Raises InputError."""
        if self._form.template is not None:
            return self._fill_template(self._form.template, query, document, truncate)
        return self._join(query, document, truncate)

    def _join(self, query: str, document: str, truncate: bool) -> Prepared:
        form = self._form
        head: Sequence[int] = [*form.before, *self._plain(query), *form.between]
        body = self._plain(document)
        room = self._num_ctx - len(head) - len(form.after)
        if room <= 0:
            raise InputError(QUERY_TOO_LONG)
        if len(body) > room and not truncate:
            raise InputError(TOO_LONG)
        dropped = max(0, len(body) - room)
        return Prepared([*head, *body[:room], *form.after], dropped)

    def _plain(self, text: str) -> list[int]:
        return self._vocabulary.tokenize(text, add_special=False, parse_special=False)

    def _fill_template(self, template: str, query: str, document: str, truncate: bool) -> Prepared:
        """The whole is tokenised at once: tokens may span the seams."""
        tokens = self._filled(template, query, document)
        whole = len(tokens)
        if whole > self._num_ctx and not truncate:
            raise InputError(TOO_LONG)
        while len(tokens) > self._num_ctx:
            if not document:
                raise InputError(QUERY_TOO_LONG)
            share = self._num_ctx / len(tokens) * _SHRINK
            document = document[: int(len(document) * share)]
            tokens = self._filled(template, query, document)
        return Prepared(tokens, whole - len(tokens))

    def _filled(self, template: str, query: str, document: str) -> list[int]:
        # Split, not replaced one after the other: a query may contain "{document}".
        parts = template.split("{document}")
        text = document.join(part.replace("{query}", query) for part in parts)
        return self._vocabulary.tokenize(text, add_special=False, parse_special=True)

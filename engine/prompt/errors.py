"""Errors of templates. Imports nothing heavy, so that the library can validate with it."""

from engine.errors import EngineError, InvalidRequestError


class TemplateError(EngineError):
    """A chat template is malformed, failed while it rendered, or exceeded a limit.

    `str(error)` names the place where one is known.
    """


class ConversationRefusedError(TemplateError, InvalidRequestError):
    """The template itself refuses the conversation (`raise_exception`): the caller's to fix."""

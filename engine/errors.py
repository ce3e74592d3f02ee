"""The errors every engine package shares. `str(error)` is a sentence fit for the user.

    EngineError
    ├── InvalidRequestError     the caller asked for something that cannot be done (HTTP 400)
    │   └── CapabilityError     the model cannot do what was asked (400)
    ├── ModelNotFoundError      no such model in the library (404)
    ├── OptionTypeError         an option has the wrong JSON type (500, as Ollama answers)
    ├── QueueFullError          too many requests wait for a model (503)
    ├── RequestCancelledError   the caller went away (499)
    ├── LoadError               a model could not be loaded (500)
    └── RunnerError             a loaded model failed while it served (500)
        └── RunnerDiedError     its process ended

Packages below derive their own families from these, so that one table at each border
(api/server/errors.py, app/cli/main.py) maps every error there is.
"""


class EngineError(Exception):
    """Root of everything the engine raises on purpose."""


class InvalidRequestError(EngineError):
    """The request can never succeed as it stands; the message says what to change."""


class CapabilityError(InvalidRequestError):
    """The model lacks a capability that the request needs (spec 1.4)."""


class ModelNotFoundError(EngineError):
    """No model of that name is in the library."""

    def __init__(self, name: str) -> None:
        super().__init__(f"model '{name}' not found")
        self.name = name


class OptionTypeError(EngineError):
    """An option's JSON value has the wrong type (spec 2.1)."""


class QueueFullError(EngineError):
    """The queue in front of the scheduler is full (spec 1.4)."""

    def __init__(self) -> None:
        super().__init__("server busy, please try again.  maximum pending requests exceeded")


class RequestCancelledError(EngineError):
    """The caller withdrew the request before it was served."""

    def __init__(self) -> None:
        super().__init__("request canceled")


class LoadError(EngineError):
    """A model's runner could not start or could not load the model."""


class RunnerError(EngineError):
    """A loaded model's runner failed while serving a request."""


class RunnerDiedError(RunnerError):
    """A loaded model's runner process ended while it served requests."""

    def __init__(self, detail: str = "") -> None:
        text = (
            "model runner has unexpectedly stopped, this may be due to resource limitations or "
            "an internal error, check server logs for details"
        )
        super().__init__(f"{text}: {detail}" if detail else text)

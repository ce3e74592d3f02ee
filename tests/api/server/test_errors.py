"""The table from errors to answers."""

import json

import pytest

from api.server.errors import RequestError, describe_error, error_body
from api.server.json_input import BodyError
from engine.errors import (
    CapabilityError,
    EngineError,
    InvalidRequestError,
    LoadError,
    ModelNotFoundError,
    OptionTypeError,
    QueueFullError,
    RequestCancelledError,
    RunnerDiedError,
    RunnerError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ModelNotFoundError("x"), 404),
        (QueueFullError(), 503),
        (RequestCancelledError(), 499),
        (InvalidRequestError("x"), 400),
        (CapabilityError("x"), 400),
        (BodyError("x"), 400),
        (OptionTypeError("x"), 500),
        (LoadError("x"), 500),
        (RunnerError("x"), 500),
        (RunnerDiedError(), 500),
        (EngineError("x"), 500),
        (RequestError(413, "x"), 413),
    ],
)
def test_every_error_of_the_engine_has_a_status(error, status):
    assert describe_error(error) == (status, str(error))


def test_errors_of_the_disk_keep_their_paths_to_themselves(caplog):
    caplog.set_level("ERROR", "api.server.errors")
    error = OSError(28, "No space left on device", "/home/somebody/.ollama")
    assert describe_error(error) == (500, "no space left on device")


def test_bugs_keep_their_text_to_themselves(caplog):
    caplog.set_level("ERROR", "api.server.errors")
    assert describe_error(KeyError("/home/somebody")) == (500, "internal server error")


def test_each_dialect_has_its_shape():
    assert json.loads(error_body("/api/chat", 400, "x")) == {"error": "x"}
    assert json.loads(error_body("/v1/models", 500, "x"))["error"] == {
        "message": "x",
        "type": "api_error",
        "param": None,
        "code": None,
    }

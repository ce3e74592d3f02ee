"""/v1/responses with the `openai` package from PyPI, unmodified."""

import json
from collections.abc import Iterator

import httpx
import openai
import pydantic
import pytest

from tests.api.tools import TEMPERATURE

PARIS = "What is the capital of France?"
TOOL = {"type": "function", **TEMPERATURE["function"]}
ASK = {"model": "tiny", "temperature": 0, "max_output_tokens": 150}


@pytest.fixture
def client(server) -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="none", http_client=http, max_retries=0
        ) as made,
    ):
        yield made


def test_create_and_stream_agree(client):
    whole = client.responses.create(input=PARIS, **ASK)
    assert "Paris" in whole.output_text
    assert whole.usage.total_tokens > 0
    with client.responses.stream(input=PARIS, **ASK) as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(texts) == final.output_text == whole.output_text
    assert [item.type for item in final.output] == ["reasoning", "message"]
    kinds = [event.type for event in client.responses.create(input=PARIS, stream=True, **ASK)]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_round_trip(client, is_streamed):
    ask = ASK | {"tools": [TOOL], "reasoning": {"effort": "low"}}
    question = "What is the temperature in Paris?"
    if is_streamed:
        with client.responses.stream(input=question, **ask) as stream:
            first = stream.get_final_response()
    else:
        first = client.responses.create(input=question, **ask)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "Paris"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}
    second = client.responses.create(input=[result], previous_response_id=first.id, **ask)
    assert "21" in second.output_text


def test_parsed_answers(client):
    class City(pydantic.BaseModel):
        name: str = pydantic.Field(max_length=12)
        is_large: bool

    quiet = ASK | {"reasoning": {"effort": "none"}}
    parsed = client.responses.parse(input=PARIS, text_format=City, **quiet)
    assert isinstance(parsed.output_parsed, City)


def test_stored_responses(client):
    made = client.responses.create(input=PARIS, **ASK)
    assert client.responses.retrieve(made.id).output_text == made.output_text
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError, match="send the whole conversation"):
        client.responses.create(input="And?", previous_response_id=made.id, **ASK)


def test_errors_arrive_as_the_client_expects_them(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(input=PARIS, model="nope")
    assert caught.value.body["type"] == "not_found_error"
    with pytest.raises(openai.BadRequestError, match="web_search is not supported"):
        client.responses.create(input=PARIS, tools=[{"type": "web_search"}], **ASK)

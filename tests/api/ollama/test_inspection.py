"""/api/tokenize, /api/detokenize, /api/apply_template against the real engine."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = "What is the capital of France?"
HELLO = [{"role": "User", "content": TEXT}]


def ask(server, route, **body):
    return server.client.post(f"/api/{route}", json={"model": "tiny"} | body)


def test_tokens_and_their_number(server):
    answer = ask(server, "tokenize", content=TEXT).json()
    assert list(answer) == ["tokens", "count"]
    assert answer["count"] == len(answer["tokens"]) > 3
    assert ask(server, "tokenize", prompt=TEXT).json() == answer
    assert ask(server, "tokenize").json() == {"tokens": [], "count": 0}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=40).filter(lambda text: "<|" not in text))
def test_text_survives_the_round_trip(server, text):
    tokens = ask(server, "tokenize", content=text).json()["tokens"]
    assert ask(server, "detokenize", tokens=tokens).json() == {"content": text}


def test_the_count_is_what_a_raw_prompt_takes(server):
    count = ask(server, "tokenize", content=TEXT, add_special=True).json()["count"]
    options = {"num_predict": 1}
    body = {"prompt": TEXT, "raw": True, "stream": False, "options": options}
    assert ask(server, "generate", **body).json()["prompt_eval_count"] == count


def test_the_prompt_is_what_a_chat_renders(server):
    prompt = ask(server, "apply_template", messages=HELLO, think=False).json()["prompt"]
    assert TEXT in prompt
    debug = ask(
        server, "chat", messages=HELLO, think=False, stream=False, _debug_render_only=True
    ).json()
    assert prompt == debug["_debug_info"]["rendered_template"]
    thinking = ask(server, "apply_template", messages=HELLO, think=True).json()["prompt"]
    assert thinking != prompt


def test_tools_are_in_the_prompt(server):
    tool = {
        "type": "function",
        "function": {"name": "get_weather", "description": "d", "parameters": {"type": "object"}},
    }
    answer = ask(server, "apply_template", messages=HELLO, tools=[tool])
    assert "get_weather" in answer.json()["prompt"]


@pytest.mark.parametrize("route", ["tokenize", "detokenize", "apply_template"])
@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"model": ""}, 400, "model is required"),
        ({"model": "nope", "messages": HELLO}, 404, "model 'nope' not found"),
    ],
)
def test_which_model_is_checked(server, route, body, status, text):
    answer = ask(server, route, **body)
    assert (answer.status_code, answer.json()) == (status, {"error": text})


@pytest.mark.parametrize(
    ("route", "body", "text"),
    [
        ("detokenize", {"tokens": [-1]}, "tokens must be the numbers of tokens"),
        ("detokenize", {"tokens": [2**31]}, "tokens must be the numbers of tokens"),
        (
            "detokenize",
            {"tokens": [2**31 - 1]},
            "token 2147483647 is not in the model's vocabulary",
        ),
        ("apply_template", {"messages": []}, "messages is required"),
    ],
)
def test_bad_input(server, route, body, text):
    answer = ask(server, route, **body)
    assert (answer.status_code, answer.json()) == (400, {"error": text})

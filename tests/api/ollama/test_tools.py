"""Tool calls in the native dialect: the bundled model asks for one and uses its result."""

import json

import pytest

from tests.api.tools import QUESTION, TEMPERATURE


def chat(server, messages, **body):
    defaults = {"model": "tiny", "tools": [TEMPERATURE], "options": {"temperature": 0}}
    return server.client.post("/api/chat", json={**defaults, "messages": messages, **body})


@pytest.mark.parametrize("think", [True, False])
def test_the_weather_example_streamed(server, think):
    answer = [json.loads(line) for line in chat(server, [QUESTION], think=think).text.splitlines()]
    (called,) = [one["message"] for one in answer if "tool_calls" in one["message"]]
    (call,) = called["tool_calls"]
    assert called["content"] == ""
    assert call["id"].startswith("call_")
    assert len(call["id"]) == 13
    assert call["function"] == {
        "index": 0,
        "name": "get_temperature",
        "arguments": {"city": "Paris"},
    }
    assert not any("<tool_call>" in one["message"]["content"] for one in answer)
    assert answer[-1]["done_reason"] == "stop"


@pytest.mark.parametrize("think", [True, False])
def test_the_weather_example_whole_and_its_result(server, think):
    asked = chat(server, [QUESTION], think=think, stream=False).json()["message"]
    assert [call["function"]["arguments"] for call in asked["tool_calls"]] == [{"city": "Paris"}]
    result = {"role": "tool", "tool_name": "get_temperature", "content": "22°C"}
    told = chat(server, [QUESTION, asked, result], think=think, stream=False).json()["message"]
    assert "22" in told["content"]
    assert "tool_calls" not in told


def test_without_tools_a_call_is_plain_text(server):
    prompt = "<|im_start|>assistant\n<tool_call>"
    body = {"model": "tiny", "prompt": prompt, "raw": True, "stream": False}
    answer = server.client.post("/api/generate", json={**body, "options": {"num_predict": 4}})
    assert "tool_calls" not in answer.json()


def test_a_tool_without_a_name_is_refused(server):
    answer = chat(server, [QUESTION], tools=[{"type": "function", "function": {}}])
    assert answer.status_code == 400
    assert answer.json() == {"error": "tools[0] has no function.name"}

"""Messages of the native dialect as the engine's. Pure."""

from collections.abc import Iterable

from api.ollama.shapes import MessageBody
from engine.prompt.messages import Message, ToolCall


def engine_messages(bodies: Iterable[MessageBody]) -> tuple[Message, ...]:
    """Roles are lower-cased, as Ollama does when it reads them."""
    return tuple(
        Message(
            role=body.role.lower(),
            content=body.content,
            thinking=body.thinking,
            images=tuple(body.images),
            tool_calls=tuple(
                ToolCall(call.function.name, call.function.arguments, call.id)
                for call in body.tool_calls
            ),
            tool_name=body.tool_name,
            tool_call_id=body.tool_call_id,
        )
        for body in bodies
    )

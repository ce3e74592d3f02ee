"""Features whose fields are understood but not served yet. A request that needs one is refused
by name, never served as if it had not asked.
"""

import asyncio

from engine.engine import Engine
from engine.errors import CapabilityError, InvalidRequestError


def unsupported(field: str) -> InvalidRequestError:
    """The error for a request that uses `field`."""
    return InvalidRequestError(f"{field} is not supported by this version of Corral")


async def refuse_unsupported(engine: Engine, model_name: str, fields: dict[str, object]) -> None:
    """Raises for the first of `fields` (name on the wire: value) that asks for something.

    A model that does not exist, or lacks the capability that the field needs, comes first, with
    the error that a later version will give too.
    """
    asked = [name for name, value in fields.items() if value]
    if not asked:
        return
    model = await asyncio.to_thread(engine.library.get, model_name)
    for name in asked:
        capability = {"tools": "tools", "images": "vision", "image_url": "vision"}.get(name)
        capability = "audio" if name == "input_audio" else capability
        if capability and capability not in model.capabilities:
            raise CapabilityError(f"{model.name.full} does not support {capability}")
        raise unsupported(name)

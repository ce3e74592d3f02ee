"""The identity's error. Its text names no path, for it may reach clients of the API."""

from engine.errors import EngineError


class IdentityError(EngineError):
    """The key of this machine cannot be made, read or used."""

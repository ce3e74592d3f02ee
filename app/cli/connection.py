"""The way from a command to its server."""

from api.client.client import Client
from app.settings import Settings, load_settings


def open_client(settings: Settings | None = None) -> Client:
    """A client of the server that the settings name. Nothing is sent yet."""
    return Client((settings or load_settings()).host.url)

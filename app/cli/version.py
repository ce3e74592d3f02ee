"""`corral --version` (spec 9.1)."""

from api.client.errors import ClientError
from app.cli.connection import open_client
from app.version import CORRAL_VERSION


def print_version() -> None:
    """Print the server's version, and ours where they differ."""
    with open_client() as client:
        try:
            reply = client.version()
        except ClientError:
            print("Warning: could not connect to a running Corral instance")
            print(f"Warning: client version is {CORRAL_VERSION}")
            return
    running = reply.corral or reply.version
    print(f"corral version is {running}")
    if running != CORRAL_VERSION:
        print(f"Warning: client version is {CORRAL_VERSION}")

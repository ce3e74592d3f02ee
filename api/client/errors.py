"""The errors of the client, raised in whatever thread consumes the bytes.

ClientError
├── ServerUnreachableError  nothing answers at the address
├── ResponseError           the server answered with an error
└── StreamBrokenError       the connection ended before the answer did, or made no sense
"""


class ClientError(Exception):
    """Root of everything the client raises. `str(error)` is a sentence fit for the user."""


class ServerUnreachableError(ClientError):
    """No server answers at the address."""


class ResponseError(ClientError):
    """The server refused or failed. `str(error)` is the server's own text."""

    def __init__(self, status: int, message: str, signin_url: str = "") -> None:
        super().__init__(message)
        self.signin_url = signin_url
        """Where to sign in, if that is what is missing."""
        self.status = status
        """HTTP status; 200 when the error came as a line of a stream that had begun well."""
        self.message = message


class StreamBrokenError(ClientError):
    """The connection broke, or what came over it cannot be read."""

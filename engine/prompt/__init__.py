"""Messages to prompt text, and model text back to thinking and content. Pure: no I/O, no models."""

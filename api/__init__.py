"""The HTTP border, both sides: the server's dialects over the engine, and the light client."""

"""The messages of the chat that is shown."""

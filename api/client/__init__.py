"""A synchronous client of the server, shared by the command line and the window."""

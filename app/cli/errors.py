"""The errors of the commands themselves. main.py prints their text and exits with status 1."""


class CommandError(Exception):
    """A command cannot do what was asked; `str(error)` says why."""

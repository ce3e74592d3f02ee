"""What the interactive session says (spec 9.4). Texts only."""

PROMPT = ">>> "
CONTINUATION = "... "
PLACEHOLDER = "Send a message (/? for help)"
CONTINUATION_PLACEHOLDER = "Press Enter to send"
EXIT_HINT = "\nUse Ctrl + d or /bye to exit."
CLEARED = "Cleared session context"

HELP = '''Available Commands:
  /clear          Clear session context
  /bye            Exit
  /?, /help       Help for a command
  /? shortcuts    Help for keyboard shortcuts

Use """ to begin a multi-line message.
'''

SHORTCUTS = """Available keyboard shortcuts:
  Ctrl + a            Move to the beginning of the line (Home)
  Ctrl + e            Move to the end of the line (End)
   Alt + b            Move back (left) one word
   Alt + f            Move forward (right) one word
  Ctrl + k            Delete the sentence after the cursor
  Ctrl + u            Delete the sentence before the cursor
  Ctrl + w            Delete the word before the cursor

  Ctrl + j            Insert a new line
  Ctrl + l            Clear the screen
  Ctrl + c            Stop the model from responding
  Ctrl + d            Exit (/bye)
"""


def unknown_command(line: str) -> str:
    """The answer to a command that does not exist."""
    return f"Unknown command '{line.split()[0]}'. Type /? for help"

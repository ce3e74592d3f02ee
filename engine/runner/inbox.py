"""The queue between the reader thread and the engine loop."""

import queue

from engine import frames

Inbox = queue.SimpleQueue[tuple[frames.Command, int]]
"""Commands with the monotonic time (ns) at which they arrived."""

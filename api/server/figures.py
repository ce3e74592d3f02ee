"""What the server counts about its requests, for GET /metrics. Event loop only.

Plain numbers: every streamed token passes here. exposition.py gives them to Prometheus.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

FIRST_TOKEN_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
INTER_TOKEN_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
DURATION_BOUNDS_S = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Spread:
    """How often values of which size came."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: upper ends of the classes, inclusive, ascending."""
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """Per class; the last is for what is above all bounds."""
        self.total = 0.0
        """Sum of the values."""

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Figures:
    """Everything since the start of the server."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        """By method, route and status."""
        self.duration_s = Spread(DURATION_BOUNDS_S)
        self.first_token_s = Spread(FIRST_TOKEN_BOUNDS_S)
        """From the request's arrival, loading and waiting included."""
        self.inter_token_s = Spread(INTER_TOKEN_BOUNDS_S)
        """Between two pieces of an answer as they leave; a piece may hold several tokens."""
        self.prompt_tokens = 0
        self.cached_tokens = 0
        """Of the prompt tokens."""
        self.generated_tokens = 0

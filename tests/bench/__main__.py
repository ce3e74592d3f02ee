"""`python -m tests.bench`: run the scenarios and print their figures."""

import json
import os
import platform
from dataclasses import asdict

from tests.bench import single_stream


def main() -> None:
    """Print a line per figure, then the same as JSON."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs")
    figures = asdict(single_stream.run())
    for name, value in figures.items():
        print(f"single stream, 100M Q4_K_M: {name:20} {value:8.2f}")
    print(json.dumps({"single_stream": figures}))


if __name__ == "__main__":
    main()

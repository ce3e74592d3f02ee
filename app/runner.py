"""Entry of a runner process: `python -m app.runner`, or the frozen program with `--runner`."""

import sys


def main() -> int:
    """Serve frames on standard input and output until told to stop. Returns the exit status."""
    from engine.runner.main import serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())

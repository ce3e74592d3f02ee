"""`python -m app.cli`: the `corral` command without its console script."""

import sys

from app.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

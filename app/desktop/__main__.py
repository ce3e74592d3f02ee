"""`python -m app.desktop`: the desktop app from source."""

import sys

from app.desktop.main import main

if __name__ == "__main__":
    sys.exit(main())

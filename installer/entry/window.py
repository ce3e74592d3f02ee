"""The frozen `corral-desktop`: tray and window."""

import multiprocessing
import sys

from app.desktop.main import main
from installer.entry.environment import restore_library_path

if __name__ == "__main__":
    multiprocessing.freeze_support()
    restore_library_path()
    sys.exit(main())

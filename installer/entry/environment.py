"""The environment that children of the frozen program shall see. Imports nothing of ours."""

import os
import sys


def restore_library_path() -> None:
    """Take back what PyInstaller's start code did to the library path.

    It points at the program's own folder, and our process has read it by now; a browser or a
    shell started by us would load our libraries instead of the system's.
    """
    if not getattr(sys, "frozen", False):
        return
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        original = os.environ.get(f"{name}_ORIG")  # noqa: TID251  # before any setting is read
        if original is not None:
            os.environ[name] = original  # noqa: TID251
        else:
            os.environ.pop(name, None)  # noqa: TID251

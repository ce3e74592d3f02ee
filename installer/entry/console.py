"""The frozen `corral`: the command line, and with `--runner` a model's own process."""

import multiprocessing
import sys

from installer.entry.environment import restore_library_path


def main() -> int:
    """Returns the exit status."""
    if sys.argv[1:2] == ["--runner"]:
        from app.runner import main as run

        return run()
    restore_library_path()
    from app.cli.main import main as command

    return command()


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())

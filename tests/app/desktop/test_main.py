import os
import subprocess
import sys

from app.version import CORRAL_VERSION


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "QT_QPA_PLATFORM")}
    return subprocess.run(
        [sys.executable, "-m", "app.desktop", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_version_needs_no_screen() -> None:
    done = _run("--version")
    assert (done.returncode, done.stdout) == (0, f"corral-desktop {CORRAL_VERSION}\n")


def test_unknown_argument_is_an_error() -> None:
    done = _run("--nonsense")
    assert done.returncode == 2
    assert "--nonsense" in done.stderr

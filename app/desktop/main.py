"""Entry of the desktop app: arguments, one instance, Qt's event loop."""

import argparse
import logging
import sys
from collections.abc import Sequence

from app.version import CORRAL_VERSION

logger = logging.getLogger("corral.desktop")


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the user quits. Returns the exit status: 0, or 1 if it could not start."""
    arguments = _parser().parse_args(argv)
    if arguments.version:
        if sys.stdout is not None:
            sys.stdout.write(f"corral-desktop {CORRAL_VERSION}\n")
        return 0
    return _run(hidden=arguments.hidden)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="corral-desktop", description="Corral in the tray, with its chat window."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("--hidden", action="store_true", help="start in the tray, without a window")
    return parser


def _run(*, hidden: bool) -> int:
    # Qt is loaded only here, so that --version and --help need no screen.
    from PySide6.QtWidgets import QApplication, QMessageBox

    from app import paths
    from app.desktop.application import DesktopApplication
    from app.desktop.log import set_up_log, show_uncaught
    from app.desktop.signals import QuitSignals
    from app.desktop.single_instance import InstanceError, SingleInstance
    from app.settings import SettingsError, load_settings
    from ui import icons
    from ui.chats.store import ChatStoreError

    application = QApplication(sys.argv[:1])
    application.setApplicationName("corral")
    application.setApplicationDisplayName("Corral")
    application.setApplicationVersion(CORRAL_VERSION)
    application.setDesktopFileName("corral")
    application.setStyle("Fusion")  # the style sheet is made for it, on every system
    application.setWindowIcon(icons.app_icon())
    application.setQuitOnLastWindowClosed(False)
    instance = SingleInstance(paths.data_folder())
    try:
        if not instance.claim():
            if not hidden:
                instance.ask_first_to_show()
            return 0
        settings = load_settings()
        set_up_log(paths.desktop_log_file(), debug=settings.debug > 0)
        desktop = DesktopApplication(application, settings)
    except (InstanceError, SettingsError, ChatStoreError) as exc:
        logger.info("cannot start: %s", exc)
        QMessageBox.critical(None, "Corral", str(exc))
        return 1
    signals = QuitSignals()
    signals.asked.connect(desktop.quit)
    instance.show_requested.connect(desktop.window.raise_window)
    show_uncaught(desktop.window.show_problem)
    desktop.start(hidden=hidden)
    status = application.exec()
    signals.close()
    instance.release()
    return status


if __name__ == "__main__":
    sys.exit(main())

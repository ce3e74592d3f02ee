"""The tray application: life cycle, server thread, single instance."""

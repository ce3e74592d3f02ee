"""Which models are loaded, until when; starts and supervises runner processes."""

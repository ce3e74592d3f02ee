"""Pulling models from registries: the wire, who may be asked for what, and resumable downloads."""

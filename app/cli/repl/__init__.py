"""The interactive session of `corral run`."""

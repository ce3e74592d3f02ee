"""Mirror of engine.scheduler."""

"""Mirror of engine.hardware."""

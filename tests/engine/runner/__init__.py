"""Tests of engine.runner: real processes, the bundled model, random-weights models."""

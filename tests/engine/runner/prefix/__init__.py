"""Tests of engine.runner.prefix: indexes against naive ones, tiers over real folders."""

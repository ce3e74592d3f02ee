"""Tests of the registry client: against the real program, and against a misbehaving one."""

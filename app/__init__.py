"""The program itself: entry points, settings and wiring. Nobody imports it."""

"""What the two frozen executables start with (build.spec)."""

"""The commands: they print and choose the exit code."""

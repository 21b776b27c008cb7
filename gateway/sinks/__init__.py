"""One file per cloud."""

"""The user's YAML file: read with positions, checked, frozen."""

"""A simulated plant, an embedded broker and a shipped model."""

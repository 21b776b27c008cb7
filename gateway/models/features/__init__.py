"""What is computed from a window before the graph sees it: one place for training and inference."""

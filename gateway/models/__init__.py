"""Model packages, the kinds of model, and the worker process that runs them."""

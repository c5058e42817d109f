"""Training within a budget of time."""

"""Models whose coefficients, by segment and action, multiply features of a context."""

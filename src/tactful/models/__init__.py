"""Posteriors of outcomes given (segment, action): frozen options, sums that add."""

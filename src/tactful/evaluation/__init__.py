"""Off-policy evaluation of policies on a log."""

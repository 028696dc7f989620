"""From a posterior to a policy."""

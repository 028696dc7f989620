"""Where the parts meet: publish a posterior as a policy, evaluate policies on logs, decide in batch."""

"""Other libraries, set up as their users would. Each is optional: a missing one is named, and its rows are left out."""

"""Values over a horizon."""

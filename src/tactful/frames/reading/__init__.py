"""From files to logs."""

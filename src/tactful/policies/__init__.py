"""Policies: functions from context and eligible actions to a pmf; numpy only, safe to serve."""

"""Off-policy evaluation: functions of rewards, weights and reward models; no policy and no file is known here."""

"""What the numbered experiments share. Each ``run.py`` puts ``experiments/`` on the path and imports it from there."""

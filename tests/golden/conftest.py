"""The script that made the files runs with an older tactful alone: it is no module to collect."""

collect_ignore = ["write_golden.py"]

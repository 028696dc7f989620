"""The command line of every benchmark, and other processes that it starts."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter


def parser(description: str | None, *, seed: int | None = None) -> ArgumentParser:
    """``--small`` for a smoke run, and ``--seed`` where a study draws at random; the help is the module's text."""
    options = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="a smoke run of some seconds")
    if seed is not None:
        options.add_argument("--seed", type=int, default=seed, help="of everything that is drawn at random")
    return options


def in_new_process(*arguments: str) -> str:
    """What a new Python prints that is given these arguments, such as a script and its options."""
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def show_progress(text: str) -> None:
    """One line on a terminal, in place of the one before it; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r{text}", end="", file=sys.stderr)

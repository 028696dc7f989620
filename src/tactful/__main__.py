"""``python -m tactful`` and the command ``tactful``: one line, and no traceback, where a library is missing."""

from __future__ import annotations

import sys
from importlib import import_module

from tactful.cli.interrupts import leave_at_interrupts, raise_interrupts
from tactful.errors import missing_extra, missing_library


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; where an extra is missing, say in one line what installs it, and exit with 2.

    Parameters
    ----------
    arguments
        The words after ``tactful``; those of this process by default.
    """
    leave_at_interrupts()
    try:
        import_module("tactful.cli.main").main(arguments)
    except ModuleNotFoundError as error:
        extra = missing_library(error)
        if extra is None:
            raise
        refusal = missing_extra(extra, "this command")
        print(f"tactful: {refusal}", file=sys.stderr)  # noqa: T201 -- typer may be what is missing
        sys.exit(refusal.exit_code)
    finally:
        raise_interrupts()


if __name__ == "__main__":
    main()

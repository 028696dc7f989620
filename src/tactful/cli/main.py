"""The ``tactful`` command: every subcommand, and one place where errors become one line and an exit code."""

from __future__ import annotations

import sys

import click
import typer

from tactful import __version__
from tactful.cli import check, decide, demo, evaluate, explain, fit, init, simulate
from tactful.errors import TactfulError

EPILOG = "Start with: tactful demo.  Exit codes: 0 done, 2 bad input or usage, 4 nothing can be said from this log."

app = typer.Typer(
    name="tactful",
    help="Learn when and how often to notify each segment of users; prove it offline; serve it.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tactful {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Learn when and how often to notify each segment of users; prove it offline; serve it."""


for module in (demo, init, simulate, check, fit, evaluate, decide, explain):
    module.register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and never a traceback."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="tactful", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except TactfulError as error:
        _fail(str(error), error.exit_code)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "tactful"
        _fail(f"{path}: {error.format_message()}; see {path} --help", 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped", 130)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}; check the path and the disk", 2)


def _fail(message: str, code: int) -> None:
    typer.echo(f"tactful: {' '.join(message.split())}", err=True)
    sys.exit(code)

"""The ``tactful`` command: every subcommand, and one place where errors become one line and an exit code."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from tactful import __version__
from tactful.cli.encoding import encode_anything
from tactful.cli.interrupts import STOPPED, leave_closed_pipe, raise_interrupts
from tactful.errors import TactfulError

EPILOG = (
    "Start with: tactful demo.  Exit codes: 0 done, 2 bad input or usage, 3 hold (gate) or roll back (monitor), "
    "4 nothing can be said from this log, 5 answered, but a file beside the answer could not be written."
)

# In the order of a user's journey. A command's module, and all that it needs, is imported when it is asked for.
COMMANDS = {
    "demo": "The whole loop on a simulated quarter, in half a minute.",
    "init": "No log yet: a spec, a first policy, and how many decisions it takes.",
    "simulate": "Write a simulated decision log, and its spec.",
    "rollup": "From sends, or events, to a decision log.",
    "check": "Is this log sound, and what can be asked of it?",
    "fit": "Learn a policy from a log.",
    "evaluate": "What would another policy have earned on this log?",
    "replay": "What would a learner have earned while it learnt?",
    "report": "Estimates, weights and the price of opt-outs, on one page of HTML.",
    "join": "Join outcomes to decisions, from a journal or event files, into a log.",
    "power": "How many decisions a gate needs, and how likely its verdict is.",
    "gate": "May this policy be shipped? Promote, hold or refuse.",
    "promote": "Make a policy the version that services follow.",
    "decide": "Decide for every user of a file, with exact propensities.",
    "monitor": "Is a running policy keeping its limits? Roll back, widen or go on.",
    "serve": "Decide, plan sends and take outcomes over HTTP.",
    "explain": "What does a policy do for a segment?",
}

# Typer brings a click of its own, which it does not export: the base of what it exports is right with any of them.
_UsageError: Any = typer.BadParameter.__base__


class Commands(TyperGroup):
    """The subcommands, of which help knows one line each."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            close = get_close_matches(cmd_name, COMMANDS, 1)
            ctx.fail(f"no command {cmd_name!r}" + (f"; the nearest is {close[0]!r}" if close else ""))
        if cmd_name not in self.commands:
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            import_module(f"tactful.cli.{cmd_name}").register(alone)
            self.commands[cmd_name] = typer.main.get_command(alone)
        raise_interrupts()
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="tactful",
    cls=Commands,
    help="Learn when and how often to notify each segment of users; prove it offline; serve it.",
    epilog=EPILOG,
    invoke_without_command=True,
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
    context: typer.Context,
    version: bool = typer.Option(  # noqa: ARG001 -- its callback has printed it
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Learn when and how often to notify each segment of users; prove it offline; serve it."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and never a traceback."""
    encode_anything()
    try:
        _run(arguments)
    except BrokenPipeError:
        leave_closed_pipe()
    except SystemExit as stop:  # typer leaves with 1 where a pipe is closed
        if isinstance(stop.__context__, BrokenPipeError):
            leave_closed_pipe()
        raise


def _run(arguments: list[str] | None) -> None:
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="tactful", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except BrokenPipeError:
        raise
    except TactfulError as error:
        _fail(str(error), error.exit_code)
    except _UsageError as error:
        path = error.ctx.command_path if error.ctx else "tactful"
        where = path.removeprefix("tactful").strip()
        _fail(f"{where}{': ' * bool(where)}{error.format_message().rstrip('.')}; see {path} --help", 2)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped", STOPPED)
    except MemoryError:
        _fail("not enough memory; ask for fewer users, periods, draws or segments at a time", 2)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}; check the path and the disk", 2)


def _fail(message: str, code: int) -> None:
    # Not typer.echo, which writes UTF-8 where the encoding is ASCII.
    print(f"tactful: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(code)

"""The `hatchery` command."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from libs.cli.console import print_line, replace_unencodable
from libs.cli.errors import CliError

COMMANDS = {
    "up": "libs.cli.up",
    "status": "libs.cli.status",
    "call": "libs.cli.call",
    "token": "libs.cli.tokens",
    "parked": "libs.cli.parked",
    "seed": "libs.cli.seed",
}


class CommandGroup(TyperGroup):
    """Imports a command's module when it is needed, and prints expected failures without a traceback."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = dict.fromkeys(COMMANDS)  # the names alone, in the order of the help

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the program."""
        replace_unencodable()
        return super().main(*args, **options)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - it is the same in any context
        """Return a command. Its module has an `app`, or a function of the command's name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name])
        app = getattr(module, "app", None) or typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        if not hasattr(module, "app"):
            app.command(cmd_name)(getattr(module, cmd_name))
        command = get_command(app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command. A CliError is printed, and the exit code is 1."""
        try:
            return super().invoke(ctx)
        except CliError as error:
            print_line(str(error), style="red")
            raise typer.Exit(1) from None


app = typer.Typer(name="hatchery", cls=CommandGroup, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def hatchery() -> None:
    """Run Hatchery on this machine, call its services and inspect them."""


if __name__ == "__main__":
    app(prog_name="hatchery")

"""The `hatchery` command: start everything, call it, look after it."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from libs.cli.speech import say
from libs.cli.trouble import Trouble

COMMANDS = {
    "up": "libs.cli.up",
    "status": "libs.cli.status",
    "call": "libs.cli.call",
    "token": "libs.cli.tokens",
    "parked": "libs.cli.parked",
    "seed": "libs.cli.seed",
}


class Commands(TyperGroup):
    """Commands that are read when they are needed, and whose expected failures are sentences, not tracebacks."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = dict.fromkeys(COMMANDS)  # the names, in the order of a first day with Hatchery

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - it is the same in any context
        """The command of that name, in whose module it is `app` or a function of its name."""
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
        """Run the command; what it could not do is said on standard error, with exit code 1."""
        try:
            return super().invoke(ctx)
        except Trouble as trouble:
            say(str(trouble), style="red")
            raise typer.Exit(1) from None


app = typer.Typer(name="hatchery", cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def hatchery() -> None:
    """Hatchery on this machine: start it, call it, look after it."""


if __name__ == "__main__":
    app(prog_name="hatchery")

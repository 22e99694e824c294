"""The `hatchery` command: start everything, call it, look after it."""

from typing import Any

import typer
from typer.core import TyperGroup

from libs.cli import call, parked, seed, status, tokens, up
from libs.cli.speech import say
from libs.cli.trouble import Trouble


class Commands(TyperGroup):
    """Commands whose expected failures are sentences, not tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it could not do is said on standard error, with exit code 1."""
        try:
            return super().invoke(ctx)
        except Trouble as trouble:
            say(str(trouble), style="red")
            raise typer.Exit(1) from None


app = typer.Typer(
    name="hatchery",
    help="Hatchery on this machine: start it, call it, look after it.",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (up.up, status.status, call.call, tokens.token, seed.seed):
    app.command()(command)
app.add_typer(parked.app, name="parked")


@app.callback()
def hatchery() -> None:
    """Hatchery on this machine: start it, call it, look after it."""


if __name__ == "__main__":
    app(prog_name="python -m libs.cli")

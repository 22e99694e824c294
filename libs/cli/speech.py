"""What the command says: results to standard output, everything else to standard error."""

from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say(text: str, style: str = "") -> None:
    """Say a sentence to the person, as it is; quietly lost when nobody is there to hear it any more."""
    try:
        err.print(text, style=style, markup=False, soft_wrap=True)
    except OSError:
        return

"""The two output streams: results go to standard output, messages to standard error."""

import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any, cast

from rich.console import Console


class _StandardError:
    """The current standard error. Writing to a closed terminal or a broken pipe does nothing."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


out = Console(highlight=False)
err = Console(file=cast("IO[str]", _StandardError()), highlight=False)


def replace_unencodable() -> None:
    """Make both streams print `?` for characters that the terminal's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def can_encode(text: str, console: Console) -> bool:
    """Return whether the console's encoding has all characters of the text."""
    try:
        text.encode(console.encoding)
    except UnicodeEncodeError:
        return False
    return True


def print_line(text: str, style: str = "") -> None:
    """Print a message for people, unwrapped and without interpreting any markup in it."""
    err.print(text, style=style, markup=False, soft_wrap=True)


def join_words(words: Sequence[str], last: str) -> str:
    """Join words with commas, and the last one with a word of its own: `a, b and c`."""
    return f" {last} ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)

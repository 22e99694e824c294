"""What somebody may have meant by a name that does not exist."""

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a sentence with the known names that resemble the word, or with all of them."""
    names = list(known)
    by_plain = {plain(name): name for name in names}
    close = [by_plain[match] for match in difflib.get_close_matches(plain(word), by_plain, n=3, cutoff=0.6)]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(names)}." if names else "There are none."


def plain(name: str) -> str:
    """Return a name without case, underscores and hyphens, so that spellings can be compared."""
    return name.casefold().replace("_", "").replace("-", "")

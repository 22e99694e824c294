"""The borrower: a startup as lockers knows it."""

from libs.common.domain.entity import Change, Entity


class Borrower(Entity):
    """A projection of the startup, filled by its facts."""

    display_name: str = ""
    sequence: int = 0


def note_startup(known: Borrower | None, *, name: str, display_name: str, sequence: int) -> Change[None]:
    """Update the projection from a fact of the startup. Repeated and older facts change nothing."""
    borrower = known or Borrower(name=name)
    if sequence <= borrower.sequence:
        return Change(None)
    return Change(None, saves=(borrower.with_(display_name=display_name, sequence=sequence),))

"""The locker: where it stands, and who uses it."""

from typing import ClassVar

from libs.common.domain.entity import Change, Entity, Value
from tests.contracts.throwaway.domain.names import LockerName, SpaceName


class CreateLocker(Value):
    """Create a locker."""

    space: SpaceName


class GetLocker(Value):
    """Read one locker."""

    name: LockerName


class Locker(Entity):
    """A locker in a space. `loan` is empty while it is free."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "space")

    space: str
    loan: str = ""


def create(command: CreateLocker, *, name: str) -> Change[Locker]:
    """Create a locker."""
    locker = Locker(name=name, space=command.space)
    return Change(locker, saves=(locker,))

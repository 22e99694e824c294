"""What a caller may reach: everything, or the resources that the token's scopes name."""

from dataclasses import dataclass

from libs.common.domain.entity import Entity
from libs.common.domain.errors import Denied


@dataclass(frozen=True, slots=True)
class Scope:
    """The resource names that a permission is limited to; None for no limit."""

    names: frozenset[str] | None = None

    def covers(self, entity: Entity) -> bool:
        """Whether one of the fields in the entity's `scoped_by` is in scope, or one item of a tuple there.

        An empty field matches nothing.
        """
        if self.names is None:
            return True
        for path in entity.scoped_by:
            held = getattr(entity, path)
            if any(value in self.names for value in (held if isinstance(held, tuple) else (held,)) if value):
                return True
        return False

    def covers_name(self, name: str) -> bool:
        """Whether the name, or a parent of it, is in scope."""
        return self.names is None or any(name == held or name.startswith(held + "/") for held in self.names)

    def ensure_in_scope(self, entity: Entity) -> None:
        """Refuse an entity that the scopes do not reach (OUT_OF_SCOPE), revealing nothing about it."""
        if not self.covers(entity):
            raise out_of_scope()


def out_of_scope() -> Denied:
    """Build the refusal of what is out of scope, the same whether it exists or not."""
    return Denied("OUT_OF_SCOPE", "the token's scopes do not reach this resource")


UNLIMITED = Scope()
NOTHING = Scope(frozenset())

"""The space or district on whose behalf a caller nominates or appoints."""

from libs.common.store.command import Load, optional
from services.mentors.domain.space import Space


def load_appointer(name: str) -> "Load[Space | None]":
    """Load the space, which must be within the caller's scope; a district, which is no document, must be as well."""
    if name.startswith("spaces/"):
        return Load(Space, name, guard=True)
    return optional(Space, name, guard=True)

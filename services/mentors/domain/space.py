"""The space as mentors knows it, from the facts of the spaces service."""

from libs.common.domain.entity import Entity


class Space(Entity):
    """A projection of the space. `sequence` is the version that was last reported."""

    display_name: str = ""
    kind: str = ""
    district: str = ""
    zone: str = ""
    sequence: int = 0

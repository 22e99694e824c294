"""The space as mentors knows it, from the facts of the spaces service."""

from typing import ClassVar

from libs.common.domain.entity import Entity


class Space(Entity):
    """A projection of the space. `sequence` is the version that was last reported."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "district", "zone")

    display_name: str = ""
    kind: str = ""
    district: str = ""
    zone: str = ""
    sequence: int = 0

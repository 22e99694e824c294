"""Copies of other services' entities, kept up to date by their facts."""

from typing import TypeVar

from libs.common.domain.entity import Change, Entity
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup

P = TypeVar("P", Startup, Space)


def note(known: P | None, reported: P) -> Change[None]:
    """Record an entity as a fact describes it. Repeated and older facts change nothing."""
    if known is None:
        return Change(None, saves=(reported,))
    if reported.sequence <= known.sequence:
        return Change(None)
    described = type(reported).model_fields.keys() - Entity.model_fields.keys()
    return Change(None, saves=(known.with_(**{field: getattr(reported, field) for field in described}),))

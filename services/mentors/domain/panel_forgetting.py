"""What is deleted in panels and secondments when a person is forgotten: the name, never what was decided."""

from collections.abc import Iterable
from typing import Any, TypeVar

from libs.common.domain.entity import Change, Value
from services.mentors.domain.panel import Panel, PanelDraw
from services.mentors.domain.secondment import Secondment

V = TypeVar("V", bound=Value)


def names(mentor: str) -> dict[str, Any]:
    """Return the condition for a list in a document that holds the name of a mentor."""
    return {"$elemMatch": {"mentor": mentor, "mentor_display_name": {"$ne": ""}}}


def forget_in_panel(panel: Panel, *, mentor: str) -> Change[None]:
    """Delete the name among members, substitutes and those who left."""
    changed = panel.with_(
        members=_without_name(panel.members, mentor),
        substitutes=_without_name(panel.substitutes, mentor),
        departures=_without_name(panel.departures, mentor),
    )
    return Change(None, saves=(changed,))


def forget_in_draw(record: PanelDraw, *, mentor: str) -> Change[None]:
    """Delete the name among the candidates. The draw can still be repeated, because it uses resource names."""
    return Change(None, saves=(record.with_(candidates=_without_name(record.candidates, mentor)),))


def forget_in_secondment(secondment: Secondment) -> Change[None]:
    """Delete the name, and the role, which may describe the person."""
    return Change(None, saves=(secondment.with_(mentor_display_name="", role=""),))


def _without_name(rows: Iterable[V], mentor: str) -> tuple[V, ...]:
    return tuple(
        row.model_copy(update={"mentor_display_name": ""}) if getattr(row, "mentor", "") == mentor else row
        for row in rows
    )

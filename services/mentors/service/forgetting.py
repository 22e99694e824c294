"""Forgetting: delete what else names a person, after the mentor, the contact and the papers."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from libs.common.domain.entity import Change, Entity
from libs.common.rpc.context import CallContext
from libs.common.store.command import Load
from services.mentors.domain import forgetting, panel_forgetting
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.note import ConsultationNote
from services.mentors.domain.panel import ConflictDeclaration, Panel, PanelDraw
from services.mentors.domain.secondment import Secondment
from services.mentors.store import MentorsStore

log = structlog.get_logger()

BATCH = 200
#: The lists of a panel that name mentors.
PANEL_LISTS = ("members", "substitutes", "departures")


@dataclass(frozen=True, slots=True)
class Traces:
    """The entities of a kind that name a mentor, and the decision that deletes the name.

    What the decision saves must no longer match `where`.
    """

    kind: type[Entity]
    where: Callable[[str], Mapping[str, Any]]
    forget: Callable[[str], Callable[[Any], Change[None]]]


TRACES = (
    Traces(ConsultationNote, lambda mentor: {"mentor": mentor}, lambda _: forgetting.forget_entirely),
    Traces(
        Consultation,
        lambda mentor: {"mentor": mentor, "mentor_display_name": {"$ne": ""}},
        lambda _: forgetting.forget_in_consultation,
    ),
    Traces(
        Mentee,
        lambda mentor: {"relations": {"$elemMatch": {"mentor": mentor, "mentor_display_name": {"$ne": ""}}}},
        lambda mentor: partial(forgetting.forget_in_mentee, mentor=mentor),
    ),
    # --- panels and secondments ---
    Traces(ConflictDeclaration, lambda mentor: {"mentor": mentor}, lambda _: forgetting.forget_entirely),
    Traces(
        Panel,
        lambda mentor: {"$or": [{path: panel_forgetting.names(mentor)} for path in PANEL_LISTS]},
        lambda mentor: partial(panel_forgetting.forget_in_panel, mentor=mentor),
    ),
    Traces(
        PanelDraw,
        lambda mentor: {"candidates": panel_forgetting.names(mentor)},
        lambda mentor: partial(panel_forgetting.forget_in_draw, mentor=mentor),
    ),
    Traces(
        Secondment,
        lambda mentor: {"mentor": mentor, "mentor_display_name": {"$ne": ""}},
        lambda _: panel_forgetting.forget_in_secondment,
    ),
)


class Forgetting:
    """Deletes the traces of persons, in as many commits as that takes."""

    def __init__(self, store: MentorsStore) -> None:
        self._store = store

    async def finish(self, mentor: str, ctx: CallContext) -> None:
        """Timer: delete what else names a forgotten person. When it is interrupted, the mentor stays due."""
        count = 0
        for traces in TRACES:
            while names := await self._store.find_names(traces.kind, traces.where(mentor), BATCH):
                await asyncio.gather(*(self._forget(traces, name, mentor, ctx) for name in names))
                count += len(names)
        await self._store.commit(ctx, Load(Mentor, mentor), decide=forgetting.finish)
        log.info("person_forgotten_everywhere", mentor=mentor, entities=count)

    async def _forget(self, traces: Traces, name: str, mentor: str, ctx: CallContext) -> None:
        await self._store.commit(ctx.step(name), Load(traces.kind, name), decide=traces.forget(mentor))

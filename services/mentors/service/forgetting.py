"""Forgetting: delete what is known of a person, and whatever else names the person."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Change, Entity
from libs.common.domain.errors import Refusal
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import UNLIMITED
from libs.common.runtime.clock import Clock
from libs.common.store.command import Load, optional
from services.mentors.domain import block, forgetting, panel_forgetting
from services.mentors.domain.block import Block
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.contact import MentorContact
from services.mentors.domain.forgetting import Erasure
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.nomination import Nomination
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
    Traces(Block, lambda mentor: {"mentor": mentor, "title": {"$ne": ""}}, lambda _: block.forget_title),
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
    """Forgets persons: first what is kept about the mentor, in one commit, then whatever else names the person."""

    def __init__(self, store: MentorsStore, clock: Clock, city: City) -> None:
        self._store = store
        self._clock = clock
        self._zone = ZoneInfo(city.time_zone)

    async def forget(self, command: forgetting.ForgetPerson, ctx: CallContext) -> Mentor:
        """Forget the person. Precondition (PERSON_FORGOTTEN), Stale (ETAG_MISMATCH).

        What cannot be deleted before the deadline is deleted by the timer.
        """
        forgotten = await self._store.commit(
            ctx,
            Load(Mentor, command.name, guard=True),
            optional(MentorContact, f"{command.name}/contact"),
            optional(Nomination, f"{command.name}/nomination"),
            decide=partial(
                forgetting.forget, command=command, today=self._clock.today(self._zone), now=self._clock.now()
            ),
        )
        log.info("person_forgotten", mentor=forgotten.name)
        try:
            await self.erase(f"{forgotten.name}/erasure", ctx)
        except Refusal as refusal:  # the timer goes on with it, or has finished it
            log.info("erasure_left_to_timer", mentor=forgotten.name, reason=refusal.reason)
        return forgotten

    async def erase(self, name: str, ctx: CallContext) -> None:
        """Timer: delete what else names the person. When it is interrupted, the erasure stays due."""
        mentor = name.removesuffix("/erasure")
        # The caller was allowed to forget the person, whoever else has a part in what names her.
        own = replace(ctx, scope=UNLIMITED, unguarded=True)
        count = 0
        for traces in TRACES:
            while names := await self._store.find_names(traces.kind, traces.where(mentor), BATCH):
                decide = traces.forget(mentor)
                steps = ((each, own.step(each)) for each in names)
                await asyncio.gather(
                    *(self._store.commit(step, Load(traces.kind, each), decide=decide) for each, step in steps)
                )
                count += len(names)
        await self._store.commit(own.step("done"), Load(Erasure, name), decide=forgetting.forget_entirely)
        log.info("person_erased", mentor=mentor, records=count)

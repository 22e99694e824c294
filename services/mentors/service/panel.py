"""Panels: draw, read and change them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from libs.calendar.interval import Interval
from libs.calendar.page import CalendarPage, page_names
from libs.common.domain.entity import Page
from libs.common.rpc.context import CallContext
from libs.common.runtime.clock import Clock, Names
from libs.common.store.command import Load, each, optional_each
from services.mentors.domain import panel, panel_change, panel_commands, panel_drawing
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.panel import ConflictDeclaration, Panel, PanelDraw
from services.mentors.domain.panel_commands import PanelRules
from services.mentors.domain.panel_duty import Duties, duties_name
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup
from services.mentors.panel_store import PanelQueries
from services.mentors.store import MentorsStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Concerned:
    """What a change of a panel loads: its substitutes, and what belongs to them and to its members."""

    mentors: Load[tuple[Mentor | None, ...]]
    duties: Load[tuple[Duties | None, ...]]
    pages: Load[tuple[CalendarPage | None, ...]]
    mentees: Load[tuple[Mentee | None, ...]]
    residences: Load[tuple[Residence | None, ...]]
    startups: tuple[str, ...]


class Panels:
    """Commands and queries on panels."""

    def __init__(
        self, store: MentorsStore, clock: Clock, names: Names, rules: PanelRules, new_seed: Callable[[], str]
    ) -> None:
        self._store = store
        self._queries = PanelQueries(store)
        self._clock = clock
        self._names = names
        self._rules = rules
        self._new_seed = new_seed

    async def draw(self, command: panel_commands.DrawPanel, ctx: CallContext) -> Panel:
        """Draw a panel.

        Precondition (QUOTA_NOT_REACHABLE, TOO_MANY_CANDIDATES), NotFound (MENTOR_NOT_FOUND, STARTUP_NOT_FOUND),
        Invalid.
        """
        limit = panel_drawing.MAX_CANDIDATES
        found = await self._queries.candidates(command.technology_fields, limit + 1)
        names = tuple(dict.fromkeys((*found[:limit], *(excluded.mentor for excluded in command.exclusions))))
        terms = panel_drawing.DrawTerms(
            name=self._names.new("panels"),
            seed=command.seed or self._new_seed(),
            now=self._clock.now(),
            rules=self._rules,
            complete=len(found) <= limit,
            advised=await self._queries.advised(command.subjects),
        )
        drawn = await self._store.commit(
            ctx,
            optional_each(Mentor, names),
            optional_each(Duties, [duties_name(name) for name in names]),
            optional_each(CalendarPage, self._pages(names, command.period)),
            each(Startup, command.subjects),
            optional_each(Mentee, command.subjects),
            optional_each(Residence, command.subjects),
            decide=partial(panel_drawing.draw_panel, command=command, terms=terms),
        )
        log.info("panel_drawn", panel=drawn.name, size=drawn.size, candidates=len(names))
        return drawn

    async def get(self, query: panel.GetPanel, ctx: CallContext) -> Panel:
        """Return one panel. NotFound (PANEL_NOT_FOUND)."""
        return await self._store.get(Panel, query.name, ctx)

    async def get_draw(self, query: panel.GetPanelDraw, ctx: CallContext) -> PanelDraw:
        """Return how a panel was drawn. NotFound (PANEL_DRAW_NOT_FOUND)."""
        return await self._store.get(PanelDraw, query.name, ctx)

    async def get_declaration(self, query: panel.GetConflictDeclaration, ctx: CallContext) -> ConflictDeclaration:
        """Return the declaration of a conflict. NotFound (CONFLICT_DECLARATION_NOT_FOUND)."""
        return await self._store.get(ConflictDeclaration, query.name, ctx)

    async def list(self, query: panel.ListPanels, ctx: CallContext) -> Page[Panel]:
        """Return a page of panels."""
        return await self._queries.list_panels(query, ctx)

    async def declare_conflict(self, command: panel_commands.DeclareConflict, ctx: CallContext) -> ConflictDeclaration:
        """Record a conflict; a member leaves. NotFound (PANEL_MEMBER_NOT_FOUND), Precondition (WRONG_PANEL_STATE)."""
        concerned = await self._concerned(command.name)
        declared = await self._store.commit(
            ctx,
            Load(Panel, command.name, guard=True),
            concerned.mentors,
            concerned.duties,
            concerned.pages,
            concerned.mentees,
            concerned.residences,
            decide=partial(panel_change.declare_conflict, command=command, terms=await self._terms(concerned)),
        )
        log.info("conflict_declared", panel=declared.panel)
        return declared

    async def replace_member(self, command: panel_commands.ReplaceMember, ctx: CallContext) -> Panel:
        """Replace a member. NotFound (PANEL_MEMBER_NOT_FOUND), Precondition (NO_SUBSTITUTE_FITS, WRONG_PANEL_STATE)."""
        concerned = await self._concerned(command.name)
        changed = await self._store.commit(
            ctx,
            Load(Panel, command.name, guard=True),
            concerned.mentors,
            concerned.duties,
            concerned.pages,
            concerned.mentees,
            concerned.residences,
            decide=partial(panel_change.replace_member, command=command, terms=await self._terms(concerned)),
        )
        log.info("panel_member_replaced", panel=changed.name, reason=command.reason)
        return changed

    async def close(self, command: panel_commands.ClosePanel, ctx: CallContext) -> Panel:
        """Close a panel. Precondition (PANEL_NOT_BEGUN, PANEL_INCOMPLETE, WRONG_PANEL_STATE)."""
        decide = partial(panel_change.close, command=command, now=self._clock.now())
        closed = await self._store.commit(ctx, Load(Panel, command.name, guard=True), decide=decide)
        log.info("panel_closed", panel=closed.name)
        return closed

    async def cancel(self, command: panel_commands.CancelPanel, ctx: CallContext) -> Panel:
        """Cancel a panel and free its members' time. Precondition (WRONG_PANEL_STATE)."""
        concerned = await self._concerned(command.name)
        terms = panel_change.ChangeTerms(self._clock.now(), self._rules)
        cancelled = await self._store.commit(
            ctx,
            Load(Panel, command.name, guard=True),
            concerned.duties,
            concerned.pages,
            decide=partial(panel_change.cancel, command=command, terms=terms),
        )
        log.info("panel_cancelled", panel=cancelled.name)
        return cancelled

    async def _concerned(self, name: str) -> _Concerned:
        """Return what to load besides the panel. Whether the caller may see it is decided at the commit, not here.

        Later members are substitutes of today, and subjects and time never change, so this holds at the commit too.
        """
        (known,) = await self._store.find(Panel, (name,))
        substitutes = tuple(member.mentor for member in known.substitutes) if known else ()
        everybody = (*(known.mentors if known else ()), *substitutes)
        startups = known.startups if known else ()
        return _Concerned(
            mentors=optional_each(Mentor, substitutes),
            duties=optional_each(Duties, [duties_name(mentor) for mentor in everybody]),
            pages=optional_each(CalendarPage, self._pages(everybody, known.interval if known else None)),
            mentees=optional_each(Mentee, startups),
            residences=optional_each(Residence, startups),
            startups=startups,
        )

    async def _terms(self, concerned: _Concerned) -> panel_change.ChangeTerms:
        advised = await self._queries.advised(concerned.startups)
        return panel_change.ChangeTerms(self._clock.now(), self._rules, advised)

    def _pages(self, mentors: Iterable[str], interval: Interval | None) -> tuple[str, ...]:
        """Return the names of the pages that an interval touches, of all these mentors."""
        if interval is None:
            return ()
        return tuple(name for mentor in mentors for name in page_names(mentor, interval, self._rules.zone))

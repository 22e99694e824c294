"""Panels in a real MongoDB: races between replicas, candidates, what is forgotten, and the cost of queries."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.calendar.page import CalendarPage, page_names
from libs.common.domain.errors import Precondition
from libs.common.runtime.clock import Names
from libs.common.store.database import Database
from services.mentors.domain.consultation import State as ConsultationState
from services.mentors.domain.forgetting import ForgetPerson
from services.mentors.domain.mentor import State as MentorState
from services.mentors.domain.panel import (
    ConflictGround,
    GetPanelDraw,
    LeaveReason,
    ListPanels,
    Member,
    Panel,
    State,
    Subject,
)
from services.mentors.domain.panel_commands import CancelPanel, DeclareConflict, ReplaceMember
from services.mentors.domain.panel_drawing import redraw
from services.mentors.domain.panel_duty import Duties, duties_name
from services.mentors.panel_store import PANELS, PanelQueries
from services.mentors.service.forgetting import Forgetting
from services.mentors.service.panel import Panels
from services.mentors.store import CONSULTATIONS, MENTORS, STARTUPS, MentorsStore
from tests.mentors.panel.samples import REVIEW, RULES, command, mentors
from tests.mentors.samples import CITY, FENGMAN, LONGTAN, NOW, ZONE, mentor, startup
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, query_plans, running

MANY, PAGE = 2000, 20


def panels_of(store: MentorsStore) -> Panels:
    """Return the commands and queries on panels; without a seed in the command, the seed is `made`."""
    clock = FixedClock(NOW)
    return Panels(store, clock, Names(clock), RULES, lambda: "made")


async def pages_of(store: MentorsStore, name: str) -> list[CalendarPage]:
    """Return the pages of a mentor that the review touches."""
    found = await store.find(CalendarPage, page_names(name, REVIEW, ZONE))
    return [page for page in found if page]


# --- races ------------------------------------------------------------------------------------


async def test_two_replicas_never_seat_a_mentor_twice(database: Database) -> None:
    """Twenty draws for one review time over two replicas: three panels of three of nine mentors, and no mentor twice.

    Calendars and duties hold exactly the panels that were drawn.
    """
    async with (
        running(new_store(MentorsStore, database, facts_pb2)) as one,
        running(new_store(MentorsStore, database, facts_pb2)) as other,
    ):
        await insert(database, MENTORS, mentors(9))
        await insert(database, STARTUPS, [startup()])
        replicas = [panels_of(store) for store in (one, other)]
        wish = command(substitute_count=0, min_industry_expert_percent=0, seed="")
        calls = [replicas[number % 2].draw(wish, new_context()) for number in range(20)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        made = [answer for answer in answers if isinstance(answer, Panel)]
        assert {answer.reason for answer in answers if isinstance(answer, Precondition)} == {"QUOTA_NOT_REACHABLE"}
        seats = {name: panel.name for panel in made for name in panel.mentors}
        assert (len(made), len(seats)) == (3, 9)
        for name, panel in seats.items():
            (page,) = await pages_of(one, name)
            assert [entry.holder for entry in page.entries] == [panel]
            (duties,) = await one.find(Duties, (duties_name(name),))
            assert duties is not None
            assert [duty.panel for duty in duties.duties] == [panel]


async def test_two_members_leave_at_once(database: Database) -> None:
    """Two replacements over two replicas at the same time take two substitutes, in the order of the draw."""
    async with (
        running(new_store(MentorsStore, database, facts_pb2)) as one,
        running(new_store(MentorsStore, database, facts_pb2)) as other,
    ):
        await insert(database, MENTORS, mentors(9))
        await insert(database, STARTUPS, [startup()])
        panel = await panels_of(one).draw(command(min_industry_expert_percent=0), new_context())
        leaving = [ReplaceMember(name=panel.name, mentor=name, reason=LeaveReason.OTHER) for name in panel.mentors[:2]]
        stores = (one, other)
        calls = [
            panels_of(store).replace_member(each, new_context()) for store, each in zip(stores, leaving, strict=True)
        ]
        last = max(await asyncio.gather(*calls), key=lambda changed: changed.version)
        assert last.mentors == (panel.mentors[2], *(each.mentor for each in panel.substitutes))
        assert last.substitutes == ()
        for name in panel.mentors[:2]:
            assert [page.entries for page in await pages_of(one, name)] == [()]


async def test_a_cancelled_panel_leaves_no_trace_in_calendars(store: MentorsStore, database: Database) -> None:
    """After a cancellation the pages and duties of the members are as empty as before."""
    await insert(database, MENTORS, mentors(9))
    await insert(database, STARTUPS, [startup()])
    panels = panels_of(store)
    panel = await panels.draw(command(), new_context())
    await panels.cancel(CancelPanel(name=panel.name, cancel_reason="项目撤回"), new_context())
    assert {page.entries for name in panel.mentors for page in await pages_of(store, name)} == {()}
    duties = await store.find(Duties, [duties_name(name) for name in panel.mentors])
    assert {each.duties for each in duties if each} == {()}


# --- candidates -------------------------------------------------------------------------------


async def test_candidates_are_appointed_and_work_in_the_field(store: MentorsStore, database: Database) -> None:
    """Nominees, suspended and retired mentors are no candidates, nor is who works in other fields."""
    others = [
        mentor(name=f"mentors/x{number}", state=state)
        for number, state in enumerate(MentorState)
        if state is not MentorState.APPOINTED
    ]
    elsewhere = mentor(name="mentors/y", technology_fields=("aerospace",))
    await insert(database, MENTORS, [*others, elsewhere, *mentors(3)])
    queries = PanelQueries(store)
    assert await queries.candidates(("new-materials",), 10) == ("mentors/m0", "mentors/m1", "mentors/m2")
    assert await queries.candidates(("new-materials", "aerospace"), 10) == (
        *(f"mentors/m{n}" for n in range(3)),
        "mentors/y",
    )
    assert len(await queries.candidates((), 10)) == 4
    assert len(await queries.candidates((), 2)) == 2


async def test_a_draw_considers_so_many_candidates(store: MentorsStore, database: Database) -> None:
    """Five hundred mentors of a field are all candidates; one more is refused, for nobody may be left out by chance."""
    await insert(database, MENTORS, mentors(500))
    panels = panels_of(store)
    wish = command(subjects=())
    panel = await panels.draw(wish, new_context())
    record = await panels.get_draw(GetPanelDraw(name=f"{panel.name}/draw"), new_context())
    assert (len(record.candidates), record.seed) == (500, "seed-1")
    await insert(database, MENTORS, mentors(1, 500))
    with pytest.raises(Precondition) as refused:
        await panels.draw(wish, new_context())
    assert refused.value.reason == "TOO_MANY_CANDIDATES"


async def test_who_meets_a_startup_advises_it(store: MentorsStore, database: Database) -> None:
    """A consultation counts as advice from when it is scheduled; a request, and what did not take place, do not."""
    rows = [
        {
            "_id": f"consultations/c{number}",
            "mentor": f"mentors/{state.lower()}",
            "startups": ["startups/a1"],
            "state": state,
        }
        for number, state in enumerate(ConsultationState)
    ]
    await database.collection(CONSULTATIONS.collection).insert_many(rows)
    advised = await PanelQueries(store).advised(("startups/a1", "startups/a2"))
    expected = {"scheduled", "held", "logged", "confirmed", "disputed", "closed"}
    assert advised == {(f"mentors/{state}", "startups/a1") for state in expected}
    assert await PanelQueries(store).advised(()) == frozenset()


# --- forgetting -------------------------------------------------------------------------------


async def test_panels_forget_a_person(store: MentorsStore, database: Database) -> None:
    """Panel, draw and declarations no longer name a forgotten person, and the draw can still be repeated."""
    await insert(database, MENTORS, mentors(9))
    await insert(database, STARTUPS, [startup()])
    panels = panels_of(store)
    panel = await panels.draw(command(), new_context())
    gone, stays = panel.members[:2]
    for member in (gone, stays):
        declare = DeclareConflict(name=panel.name, mentor=member.mentor, ground=ConflictGround.KINSHIP)
        await panels.declare_conflict(declare, new_context())
    forgetting = Forgetting(store, FixedClock(NOW), CITY)
    await forgetting.forget(ForgetPerson(name=gone.mentor), new_context())
    for collection in ("panels", "panel_draws"):
        (document,) = await database.collection(collection).find().to_list(None)
        assert gone.mentor in str(document)
        assert f"'{gone.mentor_display_name}'" not in str(document)
        assert f"'{stays.mentor_display_name}'" in str(document)
    declared = await database.collection("declarations").find().to_list(None)
    assert [each["mentor"] for each in declared] == [stays.mentor]
    record = await panels.get_draw(GetPanelDraw(name=f"{panel.name}/draw"), new_context())
    assert tuple(each.mentor for each in redraw(record).members) == record.members


# --- what queries cost ------------------------------------------------------------------------


def many(count: int) -> Iterable[Panel]:
    """Return panels of fifty mentors in two districts; one in a hundred is closed."""
    for number in range(count):
        member = Member(
            mentor=f"mentors/m{number % 50:02d}", mentor_display_name="林江", kind="investor", industry_expert=True
        )
        yield Panel(
            name=f"panels/p{number:05d}",
            version=1,
            district=LONGTAN if number % 100 else FENGMAN,
            title="新材料专项评审",
            subjects=(Subject(startup=f"startups/a{number % 40:02d}", startup_display_name="松江碳材"),),
            size=1,
            max_panels=6,
            within_days=90,
            start_time=REVIEW.start,
            end_time=REVIEW.end,
            state=State.DRAWN if number % 100 else State.CLOSED,
        ).with_members((member,), ())


QUERIES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"mentor": "mentors/m07"}, ()),
    ({"subject": "startups/a07"}, ()),
    ({"states": (State.CLOSED,)}, ()),
    ({"district": FENGMAN}, ()),
    ({"order_by": "start_time desc"}, ()),
    ({}, ("mentors/m07",)),
    ({}, (FENGMAN,)),
]


async def test_a_page_reads_no_more_than_it_shows(store: MentorsStore, database: Database) -> None:
    """Every filter, order and scope has an index: a page examines about as many documents as it holds."""
    await insert(database, PANELS, many(MANY))
    queries = PanelQueries(store)
    for fields, scopes in QUERIES:
        async with query_plans(database, "panels") as plans:
            page = await queries.list_panels(ListPanels(page_size=PAGE, **fields), new_context(*scopes))
        (plan,) = plans
        assert 0 < len(page.items) <= PAGE, (fields, scopes)
        assert "COLLSCAN" not in plan.summary, (fields, scopes)
        assert plan.documents <= PAGE + 1, (fields, scopes)
        assert not plan.sorted_in_memory, (fields, scopes)

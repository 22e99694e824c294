"""Secondments in a real MongoDB: races between replicas, and the cost of queries."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.common.domain.errors import Precondition
from libs.common.runtime.clock import Names
from libs.common.store.database import Database
from services.mentors.domain.secondment import ListSecondments, Organisation, ProposeSecondment, Secondment, State
from services.mentors.domain.working_time import WorkingTime, working_time_name
from services.mentors.panel_store import SECONDMENTS, PanelQueries
from services.mentors.service.secondment import Secondments
from services.mentors.store import MENTORS, MentorsStore
from tests.mentors.samples import CITY, FENGMAN, LONGTAN, NOW, day, mentor
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, query_plans, running

MANY, PAGE = 2000, 20
HOME, HOST = Organisation(display_name="东北电力大学"), Organisation(display_name="松江碳材")


async def test_two_replicas_never_exceed_the_working_time(database: Database) -> None:
    """Forty proposals of 30 % each over two replicas: three are made, and the working time holds exactly those."""
    clock = FixedClock(NOW)
    async with (
        running(new_store(MentorsStore, database, facts_pb2, clock)) as one,
        running(new_store(MentorsStore, database, facts_pb2, clock)) as other,
    ):
        await insert(database, MENTORS, [mentor()])
        replicas = [Secondments(store, clock, Names(clock), CITY) for store in (one, other)]
        command = ProposeSecondment(
            mentor="mentors/m1",
            home=HOME,
            host=HOST,
            role="技术总监",
            start_date=day(1),
            end_date=day(30),
            share_percent=30,
        )
        calls = [replicas[number % 2].propose(command, new_context()) for number in range(40)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        made = [answer.name for answer in answers if isinstance(answer, Secondment)]
        reasons = Counter(answer.reason for answer in answers if isinstance(answer, Precondition))
        assert (len(made), reasons) == (3, {"WORKING_TIME_EXCEEDED": 37})
        (taken,) = await one.find(WorkingTime, (working_time_name("mentors/m1"),))
    assert taken is not None
    assert {each.secondment for each in taken.engagements} == set(made)


def secondments(count: int) -> Iterable[Secondment]:
    """Return secondments of fifty mentors in two districts; one in a hundred is over."""
    for number in range(count):
        yield Secondment(
            name=f"secondments/c{number:05d}",
            version=1,
            mentor=f"mentors/m{number % 50:02d}",
            mentor_display_name="林江",
            spaces=(f"spaces/s{number % 20:02d}",),
            district=LONGTAN if number % 100 else FENGMAN,
            home=HOME,
            host=HOST,
            role="技术总监",
            start_date=day(number % 300),
            end_date=day(400),
            share_percent=1,
            state=State.ACTIVE if number % 100 else State.ENDED,
        )


QUERIES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"mentor": "mentors/m07"}, ()),
    ({"states": (State.ENDED,)}, ()),
    ({"district": FENGMAN}, ()),
    ({"order_by": "start_date desc"}, ()),
    ({}, ("mentors/m07",)),
    ({}, ("spaces/s07",)),
    ({}, (FENGMAN,)),
]


async def test_a_page_reads_no_more_than_it_shows(store: MentorsStore, database: Database) -> None:
    """Every filter, order and scope has an index: a page examines about as many documents as it holds."""
    await insert(database, SECONDMENTS, secondments(MANY))
    queries = PanelQueries(store)
    for fields, scopes in QUERIES:
        async with query_plans(database, "secondments") as plans:
            page = await queries.list_secondments(ListSecondments(page_size=PAGE, **fields), new_context(*scopes))
        (plan,) = plans
        assert 0 < len(page.items) <= PAGE, (fields, scopes)
        assert "COLLSCAN" not in plan.summary, (fields, scopes)
        assert plan.documents <= PAGE + 1, (fields, scopes)
        assert not plan.sorted_in_memory, (fields, scopes)

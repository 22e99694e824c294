"""Mentors in a real MongoDB: filters, order, pages, and the cost of queries."""

import random
from typing import Any

import pytest

from libs.common.domain.errors import Invalid
from services.mentors.domain.mentor import Format, ListMentors, Mentor, State
from services.mentors.store import MENTORS, MentorsStore
from tests.mentors.samples import FENGMAN, LONGTAN, mentor
from tests.support.store_fixtures import insert, new_context, query_plans

IN_ORDER = ("2号导师", "10号导师", "安长春", "Anna Li", "白山", "长白", "林江", "周松")


def mentors_named(*titles: str) -> list[Mentor]:
    """Return a mentor for each display name, whose resource names are in another order."""
    return [mentor(name=f"mentors/{place:03d}", display_name=title) for place, title in enumerate(titles)]


async def names_of(store: MentorsStore, query: ListMentors, *scopes: str) -> list[str]:
    """Return the names on every page, one after another."""
    names: list[str] = []
    while True:
        page = await store.list_mentors(query, new_context(*scopes))
        names += [found.name for found in page]
        if not page.next_page_token:
            return names
        query = query.model_copy(update={"page_token": page.next_page_token})


async def test_each_filter_narrows_the_list(store: MentorsStore) -> None:
    """Every filter finds the mentors who have that, and filters narrow the list together."""
    one = mentor(name="mentors/1")
    two = mentor(
        name="mentors/2",
        kind="investor",
        district=FENGMAN,
        technology_fields=("aerospace", "new-materials"),
        skills=("export", "branding"),
        languages=("en", "zh"),
        formats=(Format.PHONE,),
        industry_expert=True,
    )
    three = mentor((), name="mentors/3", skills=("export",))
    await insert(store.database, MENTORS, (one, two, three))
    expected: list[tuple[dict[str, Any], list[Mentor]]] = [
        ({}, [one, two, three]),
        ({"states": (State.APPOINTED,)}, [one, two]),
        ({"states": (State.NOMINATED, State.RETIRED)}, [three]),
        ({"kind": "investor"}, [two]),
        ({"district": LONGTAN}, [one, three]),
        ({"technology_field": "new-materials"}, [one, two, three]),
        ({"technology_field": "aerospace"}, [two]),
        ({"skill": "export"}, [two, three]),
        ({"language": "en"}, [two]),
        ({"format": Format.ON_SITE}, [one, three]),
        ({"space": "spaces/s1"}, [one, two]),
        ({"space": "spaces/s9"}, []),
        ({"industry_expert": True}, [two]),
        ({"industry_expert": False}, [one, three]),
        ({"skill": "export", "industry_expert": False}, [three]),
    ]
    for fields, found in expected:
        assert await names_of(store, ListMentors(page_size=2, **fields)) == [each.name for each in found], fields


@pytest.mark.parametrize(("order", "direction"), [("display_name", 1), ("display_name desc", -1)])
async def test_mentors_are_sorted_by_display_name(store: MentorsStore, order: str, direction: int) -> None:
    """Sorted by display name they stand as people look for them, across pages."""
    inserted = mentors_named(*random.Random(1).sample(IN_ORDER, len(IN_ORDER)))
    await insert(store.database, MENTORS, inserted)
    titles = {each.name: each.display_name for each in inserted}
    names = await names_of(store, ListMentors(order_by=order, page_size=3))
    assert [titles[name] for name in names] == list(IN_ORDER)[::direction]


@pytest.mark.parametrize("order", ["name", "kind", "display_name up", "$where"])
async def test_another_order_is_refused(store: MentorsStore, order: str) -> None:
    """Only the orders of the contract are accepted."""
    with pytest.raises(Invalid, match="order_by"):
        await store.list_mentors(ListMentors(order_by=order), new_context())


async def test_a_scope_reaches_mentors_in_five_ways(store: MentorsStore) -> None:
    """By the mentor, the district, the nominator, and the spaces and districts that have appointed."""
    known = mentor(nominator="spaces/s2", district=FENGMAN, districts=(LONGTAN,))
    await insert(store.database, MENTORS, (known,))
    for scope in ("mentors/m1", FENGMAN, "spaces/s2", "spaces/s1", LONGTAN):
        assert await names_of(store, ListMentors(), scope) == [known.name]
    assert await names_of(store, ListMentors(), "spaces/s3") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "investor"},
        {"technology_field": "aerospace"},
        {"skill": "export"},
        {"language": "en"},
        {"format": Format.PHONE},
        {"space": "spaces/s7"},
        {"district": FENGMAN},
        {"states": (State.SUSPENDED,)},
        {"industry_expert": True},
    ],
)
async def test_a_filter_reads_what_it_finds(store: MentorsStore, fields: dict[str, Any]) -> None:
    """An index serves each filter: five mentors among five hundred are found without reading the others."""
    rare: dict[str, Any] = {
        "kind": "investor",
        "technology_fields": ("aerospace",),
        "skills": ("export",),
        "languages": ("en",),
        "formats": (Format.PHONE,),
        "spaces": ("spaces/s7",),
        "district": FENGMAN,
        "state": State.SUSPENDED,
        "industry_expert": True,
    }
    mentors = [mentor(name=f"mentors/{each:04d}", **(rare if each % 100 == 0 else {})) for each in range(500)]
    await insert(store.database, MENTORS, mentors)
    async with query_plans(store.database, "mentors") as plans:
        await store.list_mentors(ListMentors(**fields), new_context())
    (plan,) = plans
    assert (plan.found, plan.documents, plan.sorted_in_memory) == (5, 5, False)

"""Drawing a panel: who is a candidate, who is excluded and why, and what is saved and published."""

from datetime import timedelta
from typing import Any

import pytest

from libs.calendar.page import CalendarPage
from libs.common.domain.errors import Invalid, NotFound, Precondition
from services.mentors.domain.mentee import Mentee, Relation
from services.mentors.domain.mentor import Affiliation, Holding, State
from services.mentors.domain.panel import ConflictGround, Exclusion, ExclusionReason, Panel
from services.mentors.domain.panel_drawing import redraw
from services.mentors.domain.panel_duty import Duties
from services.mentors.domain.panel_facts import PanelDrawn
from services.mentors.domain.residence import Residence, Stay
from tests.mentors.panel.samples import REVIEW, busy, command, drawn, mentors, record_of, saved
from tests.mentors.samples import MENTORS_PROFILE, NOW, day, mentor, startup, term

R = ExclusionReason
CODE = "91220201MA0Y3TAM6K"


def exclusions_of(change: Any, name: str = "mentors/m0") -> tuple[Exclusion, ...]:
    """Return why a candidate was excluded."""
    return next(each.exclusions for each in record_of(change).candidates if each.mentor == name)


def reasons(change: Any, name: str = "mentors/m0") -> list[ExclusionReason]:
    """Return the reasons for which a candidate was excluded."""
    return [exclusion.reason for exclusion in exclusions_of(change, name)]


# --- who is excluded --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"holdings": (Holding(startup="startups/a1", share_per_mille=1),)}, R.HOLDS_SHARES),
        ({"affiliations": (Affiliation(organisation="别的名字", credit_code=CODE),)}, R.SAME_ORGANISATION),
        ({"organisation": "松江碳材"}, R.SAME_ORGANISATION),
        ({"affiliations": (Affiliation(organisation="松江碳材", role="董事长"),)}, R.OFFICER),
        ({"spaces": ("spaces/s1",)}, R.SAME_SPACE),
        ({"state": State.SUSPENDED}, R.NOT_APPOINTED),
        ({"appointments": (term(-365, 7),)}, R.NOT_APPOINTED),
    ],
)
def test_conflicts_on_record_exclude(fields: dict[str, Any], reason: ExclusionReason) -> None:
    """Shares, work in the startup, an appointment by its space, and no appointment on the day of the review."""
    residence = Residence(
        name="startups/a1", stays=(Stay(tenancy="t", sequence=1, space="spaces/s1", start_date=day(-9)),)
    )
    given = [*mentors(1, **fields), *mentors(5, 1)]
    change = drawn(command(), given, startups=(startup(credit_code=CODE),), residences=(residence,))
    assert reasons(change) == [reason]
    assert "mentors/m0" not in {*change.reply.mentors, *(each.mentor for each in change.reply.substitutes)}


def test_a_mentor_of_the_startup_is_excluded() -> None:
    """Whoever had a session with a startup under review must not judge it, confirmed or only on record."""
    relation = Relation(
        mentor="mentors/m0", mentor_display_name="林江0", sessions=1, minutes=45, last_date=day(-3), sequence=1
    )
    mentee = Mentee(name="startups/a1", relations=(relation,))
    change = drawn(command(), mentors(6), mentees=(mentee,), advised=frozenset({("mentors/m1", "startups/a1")}))
    expected = (Exclusion(reason=R.MENTOR_OF, startup="startups/a1"),)
    assert exclusions_of(change) == exclusions_of(change, "mentors/m1") == expected
    assert not {"mentors/m0", "mentors/m1"} & set(change.reply.mentors)


def test_a_session_that_was_rejected_excludes_nobody() -> None:
    """A relation without any session left, because disputes were upheld, is no conflict."""
    relation = Relation(
        mentor="mentors/m0", mentor_display_name="林江0", sessions=0, minutes=0, last_date=day(-3), sequence=2
    )
    change = drawn(command(), mentors(6), mentees=(Mentee(name="startups/a1", relations=(relation,)),))
    assert reasons(change) == []


def test_who_was_excluded_by_hand_is_not_drawn() -> None:
    """A declared conflict excludes, with its ground; all reasons against a candidate are recorded."""
    excluded = {"mentor": "mentors/m0", "ground": "KINSHIP"}
    change = drawn(command(exclusions=[excluded]), mentors(6), pages=(busy("mentors/m0"),))
    declared = Exclusion(reason=R.DECLARED, ground=ConflictGround.KINSHIP)
    assert exclusions_of(change) == (declared, Exclusion(reason=R.BUSY))


def test_who_is_busy_is_excluded() -> None:
    """An entry that overlaps the review excludes; one that ends when it begins does not. Without a time, nobody is."""
    before = busy("mentors/m1", REVIEW.start - timedelta(minutes=30), 30)
    change = drawn(command(), mentors(6), pages=(busy("mentors/m0"), before))
    assert (reasons(change), reasons(change, "mentors/m1")) == ([R.BUSY], [])
    untimed = drawn(command(start_time=None, end_time=None), mentors(6), pages=(busy("mentors/m0"), before))
    assert reasons(untimed) == []


def test_who_sits_on_many_panels_is_excluded() -> None:
    """A mentor sits on at most so many panels within so many days."""
    loaded = Duties.of("mentors/m0").with_duty("panels/x", day(6), day(0)).with_duty("panels/y", day(8), day(0))
    given = {"max_panels": 2, "within_days": 5}
    assert reasons(drawn(command(**given), mentors(6), duties=(loaded,))) == [R.LOAD_LIMIT]
    given = {"max_panels": 3, "within_days": 5}
    assert reasons(drawn(command(**given), mentors(6), duties=(loaded,))) == []
    given = {"max_panels": 2, "within_days": 2}
    assert reasons(drawn(command(**given), mentors(6), duties=(loaded,))) == []


def test_only_mentors_of_the_fields_are_candidates() -> None:
    """Candidates work in one of the fields; a mentor who was forgotten since the query is none."""
    others = [mentor(name="mentors/x", technology_fields=("biology",), spaces=()), None]
    change = drawn(command(), [*others, *mentors(6)])
    names = {each.mentor for each in record_of(change).candidates}
    assert names == {f"mentors/m{number}" for number in range(6)}


# --- what a draw leaves -----------------------------------------------------------------------


def test_a_draw_is_recorded_and_can_be_repeated() -> None:
    """The record has seed, candidates in order, and result; drawing again from it gives the same."""
    change = drawn(command(exclusions=[{"mentor": "mentors/m3", "ground": "OTHER"}]), mentors(9))
    record, panel = record_of(change), change.reply
    assert (record.name, record.seed, len(record.candidates)) == ("panels/p1/draw", "seed-1", 9)
    assert record.members == panel.mentors == tuple(each.mentor for each in panel.members)
    assert record.substitutes == tuple(each.mentor for each in panel.substitutes)
    again = redraw(record)
    assert tuple(each.mentor for each in again.members) == record.members
    assert tuple(each.mentor for each in again.substitutes) == record.substitutes


def test_members_are_occupied_and_substitutes_are_not() -> None:
    """The review lies in the calendar of each member and counts as a duty of each; substitutes stay free."""
    change = drawn(command(), mentors(9))
    pages, duties = saved(change, CalendarPage), saved(change, Duties)
    assert {page.resource for page in pages.values()} == set(change.reply.mentors)
    assert {page.entries[0].holder for page in pages.values()} == {"panels/p1"}
    assert {(each.mentor, each.duties[0].date) for each in duties.values()} == {
        (name, day(7)) for name in change.reply.mentors
    }
    assert [member.join_time for member in change.reply.members] == [NOW] * 3
    assert [member.join_time for member in change.reply.substitutes] == [None] * 2


def test_the_fact_names_no_member() -> None:
    """What is published of a draw says neither who was drawn nor the seed, from which it could be computed."""
    change = drawn(command(), mentors(9))
    (fact,) = change.facts
    assert isinstance(fact, PanelDrawn)
    assert (fact.name, fact.subjects, fact.size) == ("panels/p1", ("startups/a1",), 3)
    assert "mentors/" not in fact.model_dump_json()
    assert "seed-1" not in fact.model_dump_json()


def test_the_city_sets_what_a_panel_leaves_open() -> None:
    """Without a share, number or span of its own, a panel has those of the city's profile."""
    panel = drawn(command(), mentors(9)).reply
    section = MENTORS_PROFILE.panels
    assert panel.min_industry_expert_percent == section.industry_experts.min_percent
    assert (panel.max_panels, panel.within_days) == (section.load.max_panels, section.load.within_days)
    assert sum(member.industry_expert for member in panel.members) * 100 >= 3 * section.industry_experts.min_percent
    none = drawn(command(min_industry_expert_percent=0), mentors(9, industry_expert=False)).reply
    assert none.min_industry_expert_percent == 0


def test_one_technology_expert_and_two_investors() -> None:
    """Quotas by kind are kept: three judges, of them one for technology and two investors (Sichuan 2020)."""
    kinds = [{"kind": "technology", "min_members": 1}, {"kind": "investor", "min_members": 2}]
    pool = [*mentors(5), *mentors(2, 5, kind="technology"), *mentors(2, 7, kind="investor")]
    panel: Panel = drawn(command(kinds=kinds), pool).reply
    assert sorted(member.kind for member in panel.members) == ["investor", "investor", "technology"]
    with pytest.raises(Precondition) as refused:
        drawn(command(kinds=kinds), pool[:-1])
    assert refused.value.metadata["kinds_missing"] == "investor:1"


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"district": "districts/999999"}, "district", "MALFORMED"),
        ({"technology_fields": ["new-materials", "alchemy"]}, "technology_fields[1]", "MALFORMED"),
        ({"kinds": [{"kind": "wizard", "min_members": 1}]}, "kinds[0].kind", "MALFORMED"),
        ({"kinds": [{"kind": "investor", "min_members": 1}] * 2}, "kinds[1].kind", "MALFORMED"),
        ({"kinds": [{"kind": "investor", "min_members": 4}]}, "kinds", "OUT_OF_RANGE"),
        ({"subjects": ["startups/a1", "startups/a1"]}, "subjects[1]", "MALFORMED"),
        ({"exclusions": [{"mentor": "mentors/m1", "ground": "OTHER"}] * 2}, "exclusions[1].mentor", "MALFORMED"),
        ({"end_time": None}, "end_time", "REQUIRED"),
        ({"start_time": None}, "start_time", "REQUIRED"),
        ({"end_time": REVIEW.start}, "end_time", "DATE_OUT_OF_RANGE"),
        ({"end_time": REVIEW.start + timedelta(days=7, seconds=1)}, "end_time", "DATE_OUT_OF_RANGE"),
        ({"start_time": NOW - timedelta(seconds=1)}, "start_time", "DATE_OUT_OF_RANGE"),
        ({"start_time": NOW + timedelta(days=732)}, "start_time", "DATE_OUT_OF_RANGE"),
    ],
)
def test_a_wrong_command_is_refused(fields: dict[str, Any], path: str, reason: str) -> None:
    """What the profile does not have, what is named twice and a wrong time are refused with the path of the field."""
    with pytest.raises(Invalid) as refused:
        drawn(command(**fields), mentors(9))
    assert [(each.field, each.reason) for each in refused.value.violations] == [(path, reason)]


def test_an_unknown_mentor_cannot_be_excluded() -> None:
    """An exclusion by hand that names nobody is most likely mistyped, and would exclude nobody."""
    with pytest.raises(NotFound) as refused:
        drawn(command(exclusions=[{"mentor": "mentors/nobody", "ground": "OTHER"}]), mentors(9))
    assert (refused.value.reason, refused.value.metadata["name"]) == ("MENTOR_NOT_FOUND", "mentors/nobody")


def test_too_many_candidates_are_refused() -> None:
    """A draw that would leave candidates out is refused instead of drawing from some of them."""
    with pytest.raises(Precondition) as refused:
        drawn(command(), mentors(9), complete=False)
    assert (refused.value.reason, refused.value.metadata) == ("TOO_MANY_CANDIDATES", {"limit": "500"})

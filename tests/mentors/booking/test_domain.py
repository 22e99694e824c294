"""Requests for consultations: what is occupied, what is published, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from libs.common.domain.errors import Invalid, Precondition, Taken
from services.mentors.domain.consultation import EndReason, Kind, State
from services.mentors.domain.mentor import Format
from services.mentors.domain.mentor import State as MentorState
from tests.mentors.booking.samples import (
    CITY,
    MENTOR,
    OTHER_STARTUP,
    RULES,
    SPACE,
    STARTUP,
    Calendar,
    request_of,
    residence,
    span,
)
from tests.mentors.samples import LONGTAN, day, mentor

AT_NINE, AT_TEN = span(1, "9:00"), span(1, "10:00")
R, P, S = State.REQUESTED, State.PROPOSED, State.SCHEDULED


# --- requests ---------------------------------------------------------------------------------


def test_a_request_occupies_its_time_at_once() -> None:
    """A request is on the mentor's page with its startup before anybody has answered, and is due when it begins."""
    calendar = Calendar(residences={STARTUP: residence()})
    made = calendar.request(AT_TEN, kind=Kind.DIAGNOSIS, question="股权怎么分？\n两个合伙人", place="江湾路1号")
    [page] = calendar.pages.values()
    [entry] = page.entries
    assert (entry.holder, entry.person, entry.interval) == (made.name, STARTUP, AT_TEN)
    assert (page.name, page.resource) == (f"{MENTOR}/calendars/2026-w48", MENTOR)
    assert (made.state, made.due_time, made.minutes, made.appointed) == (R, made.start_time, 60, True)
    assert (made.startups, made.spaces, made.districts) == ((STARTUP,), (SPACE,), (LONGTAN,))
    assert (made.kind, made.format, made.place) == (Kind.DIAGNOSIS, Format.VIDEO, "江湾路1号")
    assert [(each.startup, each.space, each.startup_display_name) for each in made.services] == [
        (STARTUP, SPACE, "松江碳材")
    ]


@pytest.mark.parametrize(
    ("residences", "space"),
    [
        ({}, ()),
        ({STARTUP: residence(end=day(1))}, ()),
        ({STARTUP: residence(end=day(2))}, (SPACE,)),
        ({STARTUP: residence(start=day(2))}, ()),
        ({OTHER_STARTUP: residence(OTHER_STARTUP)}, ()),
    ],
    ids=["never", "moves out", "still there", "not yet", "another"],
)
def test_it_belongs_to_the_space_of_its_day(residences: dict[str, Any], space: tuple[str, ...]) -> None:
    """The space is the one in which the startup is a tenant on the day of the consultation, not today."""
    assert Calendar(residences=residences).request(AT_TEN).spaces == space


def test_two_requests_for_one_time_are_never_both_possible() -> None:
    """While a request is pending, another one is refused with the interval in the way and the next free slots."""
    calendar = Calendar()
    calendar.request(AT_TEN)
    with pytest.raises(Taken) as refused:
        calendar.request(span(1, "10:30"), OTHER_STARTUP)
    assert refused.value.reason == "TIME_TAKEN"
    assert refused.value.metadata == {
        "taken_start": "2026-11-25T02:00:00Z",
        "taken_end": "2026-11-25T03:00:00Z",
        "next_free": "2026-11-25T03:15:00Z,2026-11-25T03:30:00Z,2026-11-25T03:45:00Z",
    }
    assert len(calendar.consultations) == 1


def test_no_rule_allows_a_double_booking() -> None:
    """A city whose rules let bookings overlap, as those of a room may, still does not book a mentor twice."""
    shared = replace(CITY, rules=RULES.model_copy(update={"max_overlap": 2}))
    calendar = Calendar(city=shared)
    calendar.request(AT_TEN)
    with pytest.raises(Taken):
        calendar.request(AT_TEN, OTHER_STARTUP)


def test_slots_are_cut_from_free_time() -> None:
    """Beside 10:00 to 11:45, a wish for 11:00 is refused, and the first free start is the block after the gap."""
    calendar = Calendar()
    calendar.request(span(1, "10:00", 105))
    with pytest.raises(Taken) as refused:
        calendar.request(span(1, "11:00"), OTHER_STARTUP)
    assert refused.value.metadata["next_free"].startswith("2026-11-25T04:00:00Z,")
    assert calendar.request(span(1, "12:00"), OTHER_STARTUP).state is R


def test_the_next_free_slots_may_be_weeks_away() -> None:
    """Free slots are searched for two weeks, over closures; when there is none, none is named."""
    calendar = Calendar()
    calendar.close(day(1), day(9))
    with pytest.raises(Precondition) as refused:
        calendar.request(AT_TEN)
    assert (refused.value.reason, refused.value.metadata["next_free"][:20]) == ("OUTSIDE_HOURS", "2026-12-03T01:00:00Z")
    calendar.close(day(1), day(40))
    with pytest.raises(Precondition) as refused:
        calendar.request(AT_TEN)
    assert refused.value.metadata["next_free"] == ""


@pytest.mark.parametrize(
    ("time", "kind", "reason"),
    [
        (span(1, "10:05"), Invalid, {"start_time": "NOT_ON_A_BLOCK"}),
        (span(1, "10:00", 50), Invalid, {"end_time": "NOT_ON_A_BLOCK"}),
        (span(1, "10:00", 15), Invalid, {"end_time": "DURATION_TOO_SHORT"}),
        (span(1, "10:00", 135), Invalid, {"end_time": "DURATION_TOO_LONG"}),
        (span(1, "10:00", 24 * 60 + 15), Invalid, {"end_time": "DATE_OUT_OF_RANGE"}),
        (span(1, "10:00", 0), Invalid, {"end_time": "DATE_OUT_OF_RANGE"}),
        (span(1, "10:00", -60), Invalid, {"end_time": "DATE_OUT_OF_RANGE"}),
        (span(0, "12:45"), Precondition, "TOO_SHORT_NOTICE"),
        (span(-1, "10:00"), Precondition, "TOO_SHORT_NOTICE"),
        (span(21, "10:00"), Precondition, "BEYOND_HORIZON"),
        (span(1, "8:30"), Precondition, "OUTSIDE_HOURS"),
        (span(1, "17:30"), Precondition, "OUTSIDE_HOURS"),
        (span(1, "20:00"), Precondition, "OUTSIDE_HOURS"),
    ],
    ids=str,
)
def test_a_request_keeps_the_rules(time: Any, kind: type[Exception], reason: Any) -> None:
    """What breaks a rule of the mentor is refused, each rule with a reason of its own, and occupies nothing."""
    calendar = Calendar()
    with pytest.raises(kind) as refused:
        calendar.request(time)
    given: Any = refused.value
    assert reason == (
        {each.field: each.reason for each in given.violations} if isinstance(given, Invalid) else given.reason
    )
    assert not calendar.pages


def test_the_rules_reach_to_their_limits() -> None:
    """The last possible notice, the last day of the horizon, the whole of the opening hours are still allowed."""
    calendar = Calendar()
    for time in (span(0, "13:00"), span(20, "16:00", 120), span(1, "9:00", 120), span(2, "16:00", 120)):
        assert calendar.request(time, f"startups/{time.start.day}x{time.minutes}").state is R


def test_an_entry_over_midnight_on_sunday_is_on_both_pages() -> None:
    """A consultation from Sunday into Monday occupies its whole time on the pages of both weeks."""
    calendar = Calendar()
    made = calendar.request(span(5, "23:30"))
    pages = {page.name.rpartition("/")[2]: page for page in calendar.pages.values()}
    assert pages.keys() == {"2026-w48", "2026-w49"}
    assert {entry.interval for page in pages.values() for entry in page.entries} == {span(5, "23:30")}
    calendar.withdraw(made)
    assert not any(page.entries for page in calendar.pages.values())


def test_a_startup_has_so_many_minutes() -> None:
    """Minutes of a startup with one mentor are limited by day and by week; others may have the rest."""
    calendar = Calendar()
    calendar.request(span(1, "9:00", 120))
    with pytest.raises(Precondition) as refused:
        calendar.request(span(1, "14:00"))
    assert (refused.value.reason, refused.value.metadata["limit_minutes"]) == ("HOURS_USED_UP", "150")
    assert (refused.value.metadata["start_date"], refused.value.metadata["used_minutes"]) == (str(day(1)), "120")
    calendar.request(span(1, "14:00"), OTHER_STARTUP)
    calendar.request(span(2, "9:00", 120))
    with pytest.raises(Precondition) as refused:
        calendar.request(span(3, "9:00", 30))
    assert (refused.value.metadata["limit_minutes"], refused.value.metadata["used_minutes"]) == ("240", "240")
    assert calendar.request(span(6, "9:00", 30)).state is R  # the next week


@pytest.mark.parametrize(
    ("changed", "possible"),
    [
        ({}, True),
        ({"state": MentorState.SUSPENDED}, False),
        ({"state": MentorState.SUSPENDED, "suspension_end_date": day(2)}, False),
        ({"state": MentorState.SUSPENDED, "suspension_end_date": day(1)}, True),
        ({"state": MentorState.RETIRED}, False),
        ({"state": MentorState.NOMINATED, "appointments": ()}, False),
        ({"appointments": ()}, False),
    ],
    ids=["appointed", "suspended", "until later", "until then", "retired", "nominated", "no appointment"],
)
def test_only_a_mentor_who_is_appointed_on_the_day_is_booked(changed: dict[str, Any], *, possible: bool) -> None:
    """A mentor who is suspended or not appointed on the day of the consultation gets no requests for it."""
    calendar = Calendar(mentor=mentor(**changed))
    if possible:
        assert calendar.request(AT_TEN).state is R
        return
    with pytest.raises(Precondition) as refused:
        calendar.request(AT_TEN)
    assert (refused.value.reason, refused.value.metadata) == ("MENTOR_NOT_APPOINTED", {"date": str(day(1))})


def test_the_day_of_an_appointment_is_the_citys() -> None:
    """The last moment of a term is the midnight in the city at which the end date begins."""
    [appointment] = mentor().appointments
    last = mentor(appointments=(appointment.model_copy(update={"end_date": day(6)}),))
    calendar = Calendar(mentor=last)
    assert calendar.request(span(5, "23:00")).state is R
    with pytest.raises(Precondition, match="no valid appointment"):
        calendar.request(span(6, "0:30"), OTHER_STARTUP)


def test_a_format_must_be_offered() -> None:
    """A mentor who does not telephone is not booked by phone; the refusal names the formats that are offered."""
    with pytest.raises(Precondition) as refused:
        Calendar().request(AT_TEN, format=Format.PHONE)
    assert (refused.value.reason, refused.value.metadata) == ("FORMAT_NOT_OFFERED", {"formats": "ON_SITE,VIDEO"})


def test_a_topic_is_required() -> None:
    """A request without a topic is refused."""
    with pytest.raises(ValidationError):
        request_of(AT_TEN, topic="  ")


# --- facts ------------------------------------------------------------------------------------


def test_facts_say_what_happened_and_hold_no_text() -> None:
    """Each change publishes one fact with its state; no fact holds the topic, the question or the place."""
    calendar = Calendar(residences={STARTUP: residence()})
    known = calendar.request(AT_TEN, topic="秘密一", question="秘密二", place="秘密三")
    calendar.propose(known, AT_NINE)
    calendar.accept_proposed_time(known)
    calendar.cancel(known, EndReason.NO_LONGER_NEEDED)
    facts: list[Any] = [fact for change in calendar.changes for fact in change.facts]
    names = ["ConsultationRequested", "ConsultationRequested", "ConsultationScheduled", "ConsultationEnded"]
    assert [type(fact).__name__ for fact in facts] == names
    assert [fact.state for fact in facts] == [R, P, S, State.CANCELLED]
    assert facts[-1].end_reason is EndReason.NO_LONGER_NEEDED
    for fact in facts:
        assert (fact.name, fact.startup, fact.space, fact.district) == (known.name, STARTUP, SPACE, LONGTAN)
        assert "秘密" not in fact.model_dump_json()

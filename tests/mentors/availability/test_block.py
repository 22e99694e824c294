"""Blocks: a mentor's own commitments, once or as a series, on the same calendar."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.calendar.page import CalendarPage, Entry
from libs.common.domain.entity import Change
from libs.common.domain.errors import Invalid, Precondition, Stale, Taken
from services.mentors.domain import block as blocks
from services.mentors.domain.block import Block, BlockTime, Occurrence, State, UnblockTime, pages_of
from tests.mentors.availability.samples import M1, NEW_YORK, at, booked, pages
from tests.mentors.samples import ZONE, mentor

NOW = at("2026-11-30 08:00")
NAME = f"{M1}/blocks/b1"


def command(start: str = "2026-12-01 12:00", end: str = "2026-12-01 13:00", **fields: Any) -> BlockTime:
    """Block a time; `fields` replace or add."""
    values = {"mentor": M1, "start_time": at(start), "end_time": at(end), "title": "董事会", **fields}
    return BlockTime.model_validate(values)


def blocked(given: BlockTime, entries: tuple[Entry, ...] = (), name: str = NAME) -> Change[Block]:
    """Block a time beside what is on the calendar."""
    occurrences = given.occurrences(ZONE, NOW)
    names = pages_of(M1, occurrences, ZONE)
    return blocks.block(
        mentor(), pages(names, entries), command=given, name=name, occurrences=occurrences, names=names, zone=ZONE
    )


def unblocked(change: Change[Block], *dates: date, etag: str = "", version: int = 1) -> Change[Block]:
    """Free the time of a block that was made by a change."""
    known = change.reply.with_(version=version)
    saved = {page.name: page for page in change.saves if isinstance(page, CalendarPage)}
    names = pages_of(M1, known.occurrences, ZONE)
    loaded = [saved.get(name) for name in names]
    given = UnblockTime(name=known.name, dates=dates, etag=etag)
    return blocks.unblock(known, loaded, command=given, names=names, zone=ZONE)


def on_pages(change: Change[Any]) -> list[str]:
    """Return the holders on the pages that a change saves, each once, by start."""
    entries = {each.holder: each for page in change.saves if isinstance(page, CalendarPage) for each in page.entries}
    return [each.holder for each in sorted(entries.values(), key=lambda each: each.start)]


def violations(given: BlockTime) -> dict[str, str]:
    """Return the fields that a command is refused for, with the reasons."""
    with pytest.raises(Invalid) as refused:
        given.occurrences(ZONE, NOW)
    return {each.field: each.reason for each in refused.value.violations}


# --- single times -----------------------------------------------------------------------------


def test_a_block_occupies_its_time() -> None:
    """A block has a name, and its time stands on the calendar under it."""
    change = blocked(command())
    assert change.reply.occurrences == (
        Occurrence(date=date(2026, 12, 1), start_time=at("2026-12-01 12:00"), end_time=at("2026-12-01 13:00")),
    )
    assert on_pages(change) == [f"{NAME}/occurrences/20261201"]
    assert blocks.block_of(on_pages(change)[0]) == NAME


def test_hours_and_rules_do_not_bind_the_mentor() -> None:
    """A mentor may block a night, seven minutes, and a time that has begun."""
    assert blocked(command("2026-12-01 02:00", "2026-12-01 02:07")).saves
    assert blocked(command("2026-11-30 07:00", "2026-11-30 08:01")).saves


def test_a_time_that_is_taken_is_refused() -> None:
    """A consultation is in the way, and is named by its time; a time right after it is free."""
    taken = booked(("2026-12-01 12:30", "2026-12-01 13:30"))
    with pytest.raises(Taken) as refused:
        blocked(command(), taken)
    assert refused.value.reason == "TIME_TAKEN"
    assert refused.value.metadata["taken_start"] == "2026-12-01T04:30:00Z"
    assert blocked(command("2026-12-01 13:30", "2026-12-01 14:30"), taken).saves


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-12-01 12:00", "2026-12-01 12:00", {"end_time": "DATE_OUT_OF_RANGE"}),
        ("2026-12-01 12:00", "2026-12-08 12:01", {"end_time": "DATE_OUT_OF_RANGE"}),
        ("2026-11-30 07:00", "2026-11-30 08:00", {"end_time": "DATE_OUT_OF_RANGE"}),
        ("2027-12-01 08:01", "2027-12-01 09:00", {"start_time": "DATE_OUT_OF_RANGE"}),
        ("2026-12-01 12:00:30", "2026-12-01 13:00", {"start_time": "MALFORMED"}),
        ("2026-12-01 12:00", "2026-12-01 13:00:00.5", {"end_time": "MALFORMED"}),
    ],
)
def test_times_that_are_not_allowed(start: str, end: str, expected: dict[str, str]) -> None:
    """A block is in whole minutes, ends in the future, begins within a year, and lasts at most a week."""
    assert violations(command(start, end)) == expected


def test_a_forgotten_person_blocks_nothing() -> None:
    """Nothing is recorded about a mentor who was forgotten."""
    given = command()
    occurrences = given.occurrences(ZONE, NOW)
    names = pages_of(M1, occurrences, ZONE)
    with pytest.raises(Precondition) as refused:
        blocks.block(
            mentor(forget_time=NOW),
            pages(names),
            command=given,
            name=NAME,
            occurrences=occurrences,
            names=names,
            zone=ZONE,
        )
    assert refused.value.reason == "PERSON_FORGOTTEN"


# --- series -----------------------------------------------------------------------------------


def test_a_series_occupies_each_of_its_occurrences() -> None:
    """Two days a week for two weeks are four entries on two pages, each under a name of its own."""
    change = blocked(command(recurrence="FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4"))
    days = ("20261201", "20261203", "20261208", "20261210")
    assert on_pages(change) == [f"{NAME}/occurrences/{day}" for day in days]
    assert len(change.saves) == 3


def test_a_series_is_blocked_wholly_or_not_at_all() -> None:
    """One occurrence that is taken refuses all of them."""
    taken = booked(("2026-12-10 12:45", "2026-12-10 14:00"))
    with pytest.raises(Taken):
        blocked(command(recurrence="FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4"), taken)


def test_a_series_keeps_the_local_time_of_its_zone() -> None:
    """Weekly at 15:00 in New York: in Jilin 04:00 of the next day before the change of 14 March 2027, 03:00 after."""
    start = at("2027-03-06 15:00", NEW_YORK)
    given = command(
        start_time=start,
        end_time=start + timedelta(hours=1),
        recurrence="FREQ=WEEKLY;COUNT=3",
        time_zone=NEW_YORK.key,
    )
    assert [(each.date, each.start_time) for each in given.occurrences(ZONE, NOW)] == [
        (date(2027, 3, 6), at("2027-03-07 04:00")),
        (date(2027, 3, 13), at("2027-03-14 04:00")),
        (date(2027, 3, 20), at("2027-03-21 03:00")),
    ]


def test_a_series_lasts_at_most_a_year() -> None:
    """Every day of a year is possible; a further occurrence is too many."""
    assert len(blocked(command(recurrence="FREQ=DAILY;COUNT=367")).reply.occurrences) == 367
    assert violations(command(recurrence="FREQ=DAILY;COUNT=368")) == {"recurrence": "RECURRENCE_TOO_LONG"}
    assert violations(command(recurrence="FREQ=MONTHLY;COUNT=14")) == {"recurrence": "RECURRENCE_TOO_LONG"}


def test_occurrences_do_not_overlap() -> None:
    """A daily series of more than a day is refused at its end."""
    given = command("2026-12-01 12:00", "2026-12-02 12:01", recurrence="FREQ=DAILY;COUNT=2")
    assert violations(given) == {"end_time": "DATE_OUT_OF_RANGE"}


def test_the_first_occurrence_is_one_of_the_rule() -> None:
    """A series of Mondays cannot begin on a Tuesday."""
    assert violations(command(recurrence="FREQ=WEEKLY;BYDAY=MO;COUNT=2")) == {"recurrence": "MALFORMED"}


# --- freeing ----------------------------------------------------------------------------------

SERIES = command(recurrence="FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4")


def test_a_block_is_freed_as_a_whole() -> None:
    """Nothing of it stays on the calendar, and the block is removed."""
    change = unblocked(blocked(SERIES))
    assert (change.reply.state, change.reply.occurrences) == (State.REMOVED, ())
    assert on_pages(change) == []
    assert len(change.saves) == 3


def test_single_occurrences_are_freed() -> None:
    """Only the days that are named are free; the last one that is freed removes the block."""
    change = unblocked(blocked(SERIES), date(2026, 12, 3))
    assert (change.reply.state, len(change.reply.occurrences)) == (State.ACTIVE, 3)
    assert on_pages(change) == [f"{NAME}/occurrences/20261201"]
    every = [each.date for each in blocked(SERIES).reply.occurrences]
    assert unblocked(blocked(SERIES), *every).reply.state is State.REMOVED


def test_a_date_without_an_occurrence_is_refused() -> None:
    """A date that the series does not have names its place in the list; nothing is freed."""
    with pytest.raises(Invalid) as refused:
        unblocked(blocked(SERIES), date(2026, 12, 3), date(2026, 12, 4))
    assert [(each.field, each.reason) for each in refused.value.violations] == [("dates[1]", "DATE_OUT_OF_RANGE")]


def test_a_removed_block_is_not_freed_again() -> None:
    """The second time there is nothing left."""
    with pytest.raises(Precondition) as refused:
        unblocked(unblocked(blocked(SERIES)))
    assert refused.value.reason == "ALREADY_UNBLOCKED"


def test_an_old_etag_frees_nothing() -> None:
    """A caller who has read another version of the block is refused."""
    with pytest.raises(Stale):
        unblocked(blocked(SERIES), etag="v7")


@given(st.sets(st.integers(0, 29), min_size=1), st.booleans())
def test_what_is_freed_is_what_is_named(numbers: set[int], crosses_midnight: bool) -> None:
    """Whatever days of a series are freed, its block and the calendar hold exactly the others."""
    end = "2026-12-02 01:00" if crosses_midnight else "2026-12-01 23:30"
    change = blocked(command("2026-12-01 23:00", end, recurrence="FREQ=DAILY;COUNT=30"))
    every = change.reply.occurrences
    freed = unblocked(change, *(every[number].date for number in sorted(numbers)))
    kept = [each for number, each in enumerate(every) if number not in numbers]
    assert list(freed.reply.occurrences) == kept
    touched = set(pages_of(M1, [every[number] for number in numbers], ZONE))
    near = [each for each in kept if touched & set(pages_of(M1, [each], ZONE))]
    assert on_pages(freed) == [change.reply.holder(each) for each in near]

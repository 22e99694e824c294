"""The mentors of a startup, whatever the order in which the facts of its consultations arrive."""

from functools import reduce
from itertools import permutations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.startups.domain.mentoring import ForgottenMentor, MentorRelation, note_forgotten
from services.startups.domain.startup import Startup, forget_mentor, note_relation
from tests.startups.samples import day, relation, startup

FORGOTTEN = ForgottenMentor(name="mentors/m1")


def after(reports: list[MentorRelation]) -> Startup:
    """Return a startup after these reports."""

    def note(known: Startup, report: MentorRelation) -> Startup:
        saved = note_relation(known, None, reported=report).saves
        return known.with_(**dict(saved[0])) if saved else known

    return reduce(note, reports, startup())


@st.composite
def histories(draw: st.DrawFn) -> list[MentorRelation]:
    """Reports of the relations to some mentors, in order; sessions are confirmed and some are rejected later."""
    reports = list[MentorRelation]()
    for mentor in ("m1", "m2", "m3")[: draw(st.integers(1, 3))]:
        sessions = 0
        for sequence in range(1, draw(st.integers(1, 5)) + 1):
            sessions = max(sessions + draw(st.sampled_from((1, 1, -1))), 0)
            reports.append(relation(mentor, sequence, sessions, draw(st.integers(-30, 0))))
    return reports


@settings(max_examples=120)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(reports: list[MentorRelation], chance: Random) -> None:
    """In any order and delivered three times, the reports give the mentors that they give in order."""
    again = reports * 3
    chance.shuffle(again)
    found = after(again)
    assert found == after(reports)
    assert found.mentors == after(reports).mentors


def test_the_highest_sequence_wins() -> None:
    """The newest report of a relation counts, with everything that it says."""
    reports = [relation("m1", 1, 1, -9), relation("m1", 3, 3, -1), relation("m1", 2, 2, -5)]
    for order in permutations(reports):
        assert after(list(order)).mentors == (relation("m1", 3, 3, -1),)


def test_the_mentor_of_the_last_consultation_comes_first() -> None:
    """Mentors are shown by the day of their last session, and that of the first of them is the startup's last."""
    found = after([relation("m1", 1, 1, -9), relation("m2", 1, 1, -2), relation("m3", 1, 1, -20)])
    assert [each.mentor for each in found.mentors] == ["mentors/m2", "mentors/m1", "mentors/m3"]
    assert found.last_confirmed_consultation_date == day(-2)


def test_a_relation_without_sessions_is_not_shown() -> None:
    """When the only session was rejected there is no mentor and no last day, also if the older fact arrives later."""
    for order in permutations([relation("m1", 1), relation("m1", 2, 0)]):
        found = after(list(order))
        assert (found.mentors, found.last_confirmed_consultation_date) == ((), None)


def test_a_dispute_of_what_was_never_confirmed_changes_nothing() -> None:
    """A fact before any confirmation reports no relation: its sequence is 0, and nothing is saved."""
    assert note_relation(startup(), None, reported=relation("m1", 0, 0)).saves == ()


def test_an_old_report_makes_no_new_version() -> None:
    """A report that was handled before, or is older than what is known, saves nothing."""
    known = after([relation("m1", 2)])
    for old in (relation("m1", 2), relation("m1", 1)):
        assert note_relation(known, None, reported=old).saves == ()


# --- forgotten mentors ------------------------------------------------------------------------


def test_the_name_of_a_forgotten_mentor_is_removed() -> None:
    """The sessions stay; the name goes, and other mentors keep theirs. A second time changes nothing."""
    known = after([relation("m1", 1), relation("m2", 1)])
    [changed] = forget_mentor(known, mentor="mentors/m1").saves
    assert isinstance(changed, Startup)
    nameless = relation("m1", 1).model_copy(update={"mentor_display_name": ""})
    assert changed.relations == (nameless, relation("m2", 1))
    assert forget_mentor(changed, mentor="mentors/m1").saves == ()
    assert forget_mentor(known, mentor="mentors/m9").saves == ()


def test_a_late_report_does_not_bring_the_name_back() -> None:
    """A fact that arrives after the mentor was forgotten counts without the name."""
    [changed] = note_relation(startup(), FORGOTTEN, reported=relation("m1", 1)).saves
    assert isinstance(changed, Startup)
    assert [(each.mentor, each.mentor_display_name, each.sessions) for each in changed.mentors] == [
        ("mentors/m1", "", 1)
    ]


def test_a_mentor_is_forgotten_once() -> None:
    """The first fact is remembered; a repeat saves nothing."""
    assert note_forgotten(None, mentor="mentors/m1").saves == (FORGOTTEN,)
    assert note_forgotten(FORGOTTEN, mentor="mentors/m1").saves == ()

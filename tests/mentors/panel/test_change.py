"""What becomes of a panel: conflicts are declared, members are replaced, it is closed or cancelled."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Change
from libs.common.domain.errors import Invalid, NotFound, Precondition, Stale
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.panel import ConflictDeclaration, ConflictGround, LeaveReason, Panel, State
from services.mentors.domain.panel_change import cancel, close, declare_conflict, replace_member
from services.mentors.domain.panel_commands import CancelPanel, ClosePanel, DeclareConflict, ReplaceMember
from services.mentors.domain.panel_duty import Duties
from services.mentors.domain.panel_facts import PanelCancelled, PanelClosed, PanelMemberReplaced
from tests.mentors.panel.samples import REVIEW, after_draw, busy, later, mentors, saved
from tests.mentors.samples import NOW, ZONE, day

NOBODY: tuple[None, ...] = (None,)


def declare(
    panel: Panel, name: str, people: Sequence[Mentor], *, pages: Sequence[CalendarPage] = (), **fields: Any
) -> Change[ConflictDeclaration]:
    """Declare a conflict; `people` are the mentors as they are now."""
    command = DeclareConflict(name=panel.name, mentor=name, ground=ConflictGround.KINSHIP, **fields)
    return declare_conflict(
        panel, _substitutes(panel, people), (), pages, NOBODY, NOBODY, command=command, terms=later(hours=1)
    )


def replace(
    panel: Panel, name: str, people: Sequence[Mentor], *, pages: Sequence[CalendarPage] = (), **fields: Any
) -> Change[Panel]:
    """Replace a member who is unavailable."""
    values = {"name": panel.name, "mentor": name, "reason": LeaveReason.UNAVAILABLE, **fields}
    command = ReplaceMember.model_validate(values)
    return replace_member(
        panel, _substitutes(panel, people), (), pages, NOBODY, NOBODY, command=command, terms=later(hours=1)
    )


def _substitutes(panel: Panel, people: Sequence[Mentor]) -> tuple[Mentor | None, ...]:
    """Return the substitutes as they are now; None for one who is gone."""
    by_name = {each.name: each for each in people}
    return tuple(by_name.get(each.mentor) for each in panel.substitutes)


def panel_of(change: Change[Any]) -> Panel:
    """Return the panel that a change saves."""
    (panel,) = saved(change, Panel).values()
    assert isinstance(panel, Panel)
    return panel


# --- leaving and joining ----------------------------------------------------------------------


def test_a_member_with_a_conflict_leaves_at_once() -> None:
    """The first substitute takes the seat; the time of who left is free, that of who joined is occupied."""
    panel = after_draw(min_industry_expert_percent=0)
    leaving, joining = panel.mentors[1], panel.substitutes[0].mentor
    occupied = busy(leaving).with_(version=1)
    entry = occupied.entries[0].model_copy(update={"holder": panel.name, "start": REVIEW.start, "end": REVIEW.end})
    change = declare(panel, leaving, mentors(9), pages=(occupied.with_(entries=(entry,)),), startup="startups/a1")
    changed = panel_of(change)
    assert changed.mentors == (panel.mentors[0], panel.mentors[2], joining)
    assert [each.mentor for each in changed.substitutes] == [panel.substitutes[1].mentor]
    assert changed.vacant_seats == 0
    (departure,) = changed.departures
    assert (departure.mentor, departure.reason, departure.replaced_by) == (leaving, LeaveReason.CONFLICT, joining)
    pages = {page.resource: page.entries for page in saved(change, CalendarPage).values()}
    assert pages[leaving] == ()
    assert [each.holder for each in pages[joining]] == [panel.name]
    duties = {each.mentor: each.duties for each in saved(change, Duties).values()}
    assert duties[leaving] == ()
    assert [each.date for each in duties[joining]] == [day(7)]


def test_the_declaration_is_kept_apart_from_the_panel() -> None:
    """Ground and explanation are read by the official and the member, not by the other members."""
    panel = after_draw()
    change = declare(panel, panel.mentors[0], mentors(9), explanation="配偶任职")
    assert change.reply.name == f"panels/p1/declarations/{panel.mentors[0].removeprefix('mentors/')}"
    assert change.reply.scoped_by == ("mentor", "district")
    assert "配偶任职" not in panel_of(change).model_dump_json()
    assert "KINSHIP" not in panel_of(change).model_dump_json()
    (fact,) = change.facts
    assert isinstance(fact, PanelMemberReplaced)
    assert fact.model_dump() == {
        "name": "panels/p1",
        "district": panel.district,
        "reason": LeaveReason.CONFLICT,
        "vacant_seats": 0,
    }


def test_a_seat_stays_vacant_when_no_substitute_fits() -> None:
    """A conflicted member leaves even if nobody can take the seat; a member is replaced only if somebody can."""
    panel = after_draw()
    pages = [busy(each.mentor) for each in panel.substitutes]
    change = declare(panel, panel.mentors[0], mentors(9), pages=pages)
    assert (panel_of(change).vacant_seats, panel_of(change).departures[0].replaced_by) == (1, "")
    with pytest.raises(Precondition) as refused:
        replace(panel, panel.mentors[0], mentors(9), pages=pages)
    assert (refused.value.reason, refused.value.metadata) == ("NO_SUBSTITUTE_FITS", {"substitutes": "2"})


def test_a_later_substitute_fills_a_seat_that_was_vacant() -> None:
    """As many substitutes join as seats are vacant, once they are free again."""
    panel = after_draw(min_industry_expert_percent=0)
    pages = [busy(each.mentor) for each in panel.substitutes]
    vacant = panel_of(declare(panel, panel.mentors[0], mentors(9), pages=pages)).with_(version=2)
    change = declare(vacant, vacant.mentors[0], mentors(9))
    assert panel_of(change).vacant_seats == 0
    assert panel_of(change).mentors[1:] == tuple(each.mentor for each in panel.substitutes)


def test_a_substitute_is_checked_again() -> None:
    """Who is suspended, forgotten, busy or has come into conflict since the draw is passed over."""
    panel = after_draw(min_industry_expert_percent=0)
    first, second = (each.mentor for each in panel.substitutes)
    for people, pages in (
        ([each for each in mentors(9) if each.name != first], ()),
        ([each if each.name != first else each.with_(state="SUSPENDED") for each in mentors(9)], ()),
        ([each if each.name != first else each.with_(organisation="松江碳材") for each in mentors(9)], ()),
        (mentors(9), (busy(first),)),
    ):
        assert replace(panel, panel.mentors[0], people, pages=pages).reply.mentors[-1] == second


@given(st.integers(0, 2), st.integers(0, 40), st.sampled_from([0, 34, 67]))
def test_quotas_are_kept_when_somebody_joins(leaving: int, seed: int, percent: int) -> None:
    """Whoever leaves, a full panel keeps its quotas; otherwise the vacant seats suffice for what is missing."""
    panel = after_draw(seed=f"s{seed}", min_industry_expert_percent=percent)
    changed = panel_of(declare(panel, panel.mentors[leaving], mentors(9)))
    assert changed.missing.fits_its_seats
    assert changed.missing.seats == changed.vacant_seats
    assert len(set(changed.mentors)) == len(changed.members)


def test_a_substitute_can_be_struck_off() -> None:
    """A conflict of a substitute removes the substitute and changes no seat, so nothing is published."""
    panel = after_draw()
    change = declare(panel, panel.substitutes[0].mentor, mentors(9))
    assert panel_of(change).members == panel.members
    assert panel_of(change).substitutes == panel.substitutes[1:]
    assert change.facts == ()


def test_who_does_not_sit_on_the_panel_cannot_leave_it() -> None:
    """A declaration names a member or substitute, a replacement a member, and a startup is one under review."""
    panel = after_draw()
    for call in (
        lambda: declare(panel, "mentors/nobody", mentors(9)),
        lambda: replace(panel, "mentors/nobody", mentors(9)),
        lambda: replace(panel, panel.substitutes[0].mentor, mentors(9)),
    ):
        with pytest.raises(NotFound) as refused:
            call()
        assert refused.value.reason == "PANEL_MEMBER_NOT_FOUND"
    with pytest.raises(Invalid) as invalid:
        declare(panel, panel.mentors[0], mentors(9), startup="startups/other")
    assert [each.field for each in invalid.value.violations] == ["startup"]


def test_a_conflict_is_declared_not_given_as_a_reason() -> None:
    """ReplaceMember refuses a conflict as the reason, because it would leave no declaration."""
    panel = after_draw()
    with pytest.raises(Invalid) as refused:
        replace(panel, panel.mentors[0], mentors(9), reason=LeaveReason.CONFLICT)
    assert [each.field for each in refused.value.violations] == ["reason"]


# --- closing and cancelling -------------------------------------------------------------------


def test_a_closed_panel_is_public() -> None:
    """The fact of the closing names the members, and how many of them are experts from industry."""
    panel = after_draw()
    change = close(panel, ClosePanel(name=panel.name), now=REVIEW.end)
    assert (change.reply.state, change.reply.close_time) == (State.CLOSED, REVIEW.end)
    (fact,) = change.facts
    assert isinstance(fact, PanelClosed)
    assert fact.mentors == panel.mentors
    assert fact.mentor_display_names == tuple(each.mentor_display_name for each in panel.members)
    assert fact.industry_experts == sum(each.industry_expert for each in panel.members)


def test_a_panel_cannot_be_closed_too_early() -> None:
    """The members stay confidential until the review has begun, to the millisecond."""
    panel = after_draw()
    with pytest.raises(Precondition) as refused:
        close(panel, ClosePanel(name=panel.name), now=REVIEW.start - timedelta(milliseconds=1))
    assert (refused.value.reason, refused.value.metadata) == ("PANEL_NOT_BEGUN", {"start_time": "2026-12-01T01:00:00Z"})
    assert close(panel, ClosePanel(name=panel.name), now=REVIEW.start).reply.state is State.CLOSED
    untimed = after_draw(start_time=None, end_time=None)
    assert close(untimed, ClosePanel(name=panel.name), now=NOW).reply.state is State.CLOSED


def test_an_incomplete_panel_cannot_be_closed() -> None:
    """No result comes from fewer members than the panel has seats, or without its quotas."""
    panel = after_draw()
    change = declare(panel, panel.mentors[0], mentors(9), pages=[busy(each.mentor) for each in panel.substitutes])
    with pytest.raises(Precondition) as refused:
        close(panel_of(change), ClosePanel(name=panel.name), now=REVIEW.end)
    assert (refused.value.reason, refused.value.metadata["seats_missing"]) == ("PANEL_INCOMPLETE", "1")


def test_a_cancelled_panel_frees_its_members() -> None:
    """Their calendars and duties no longer hold the panel, and other entries stay."""
    panel = after_draw()
    pages = []
    for name in panel.mentors:
        other = busy(name, REVIEW.end).with_(version=1)
        review = other.entries[0].model_copy(update={"holder": panel.name, "start": REVIEW.start, "end": REVIEW.end})
        pages.append(other.with_(entries=(review, *other.entries)))
    duties = [Duties.of(name).with_duty(panel.name, panel.day(ZONE), day(0)) for name in panel.mentors]
    command = CancelPanel(name=panel.name, cancel_reason="项目撤回")
    change = cancel(panel, duties, pages, command=command, terms=later(hours=1))
    assert (change.reply.state, change.reply.cancel_reason) == (State.CANCELLED, "项目撤回")
    freed = saved(change, CalendarPage).values()
    assert {page.resource: [each.holder for each in page.entries] for page in freed} == {
        name: ["consultations/c1"] for name in panel.mentors
    }
    assert [each.duties for each in saved(change, Duties).values()] == [()] * 3
    (fact,) = change.facts
    assert isinstance(fact, PanelCancelled)
    assert "项目撤回" not in fact.model_dump_json()


@pytest.mark.parametrize("state", [State.CLOSED, State.CANCELLED])
def test_a_panel_that_is_over_does_not_change(state: State) -> None:
    """Nobody leaves or joins a panel that is closed or cancelled, and it is neither closed nor cancelled again."""
    panel = after_draw().with_(state=state)
    for call in (
        lambda: declare(panel, panel.mentors[0], mentors(9)),
        lambda: replace(panel, panel.mentors[0], mentors(9)),
        lambda: close(panel, ClosePanel(name=panel.name), now=REVIEW.end),
        lambda: cancel(panel, (), (), command=CancelPanel(name=panel.name, cancel_reason="x"), terms=later(hours=1)),
    ):
        with pytest.raises(Precondition) as refused:
            call()
        assert (refused.value.reason, refused.value.metadata) == ("WRONG_PANEL_STATE", {"state": state.value})


def test_a_change_of_an_older_version_is_refused() -> None:
    """An etag of another version refuses every change."""
    panel = after_draw()
    for call in (
        lambda: declare(panel, panel.mentors[0], mentors(9), etag="v7"),
        lambda: replace(panel, panel.mentors[0], mentors(9), etag="v7"),
        lambda: close(panel, ClosePanel(name=panel.name, etag="v7"), now=REVIEW.end),
    ):
        with pytest.raises(Stale):
            call()

"""Panels for the contract tests, drawn from mentors of their own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.api.hatchery.mentors.v1 import mentor_pb2
from libs.api.hatchery.mentors.v1 import panel_pb2 as pb
from libs.api.hatchery.startups.v1 import startup_pb2
from libs.common.domain.entity import Entity
from services.mentors.domain.draw import KindQuota
from services.mentors.domain.panel import (
    Candidate,
    ConflictDeclaration,
    ConflictGround,
    Departure,
    Exclusion,
    ExclusionReason,
    LeaveReason,
    Member,
    Panel,
    PanelDraw,
    State,
    Subject,
)
from services.mentors.domain.panel_duty import Duties, Duty
from tests.contracts.calls import Calls
from tests.contracts.requests import BadValue, Place, RunningContract, Valid, new_request_id
from tests.mentors import requests
from tests.mentors.panel.requests import draw_panel, next_hour
from tests.mentors.samples import day

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
EXPERTS = 6
#: The field of the experts of each place, in which no other mentor works: panels of two places share no member.
FIELDS = {"districts/220203": "geospatial-and-ocean", "districts/220204": "modern-transport"}


async def populate(calls: Calls, place: Place) -> None:
    """Appoint experts in the place, draw a panel of them, and declare a conflict of one of its members."""
    for number in range(EXPERTS):
        nominate = requests.nominate_mentor(
            place.district,
            district=place.district,
            display_name=f"{place.label}评审专家{number}",
            kind="technology",
            technology_fields=[FIELDS[place.district]],
            industry_expert=number > 0,
        )
        mentor: mentor_pb2.Mentor = await calls.call("mentors", "NominateMentor", nominate)
        await calls.call("mentors", "AppointMentor", requests.appoint_mentor(mentor.name, place.district, -365))
    subject = place.get(startup_pb2.Startup).name
    request = draw_panel(
        next_hour(),
        district=place.district,
        technology_fields=[FIELDS[place.district]],
        title=f"{place.label}专项评审",
        subjects=[subject],
        substitute_count=4,
    )
    panel: pb.Panel = await calls.call("mentors", "DrawPanel", request)
    declare = pb.DeclareConflictRequest(
        name=panel.name, mentor=panel.members[0].mentor, startup=subject, ground=pb.CONFLICT_GROUND_KINSHIP
    )
    place.add(await calls.call("mentors", "DeclareConflict", declare))
    place.add(await calls.call("mentors", "GetPanel", pb.GetPanelRequest(name=panel.name)))
    draw: pb.PanelDraw = await calls.call("mentors", "GetPanelDraw", pb.GetPanelDrawRequest(name=f"{panel.name}/draw"))
    place.add(draw)


def scopes_of_panel(panel: pb.Panel, known: Mapping[str, Any]) -> set[str]:
    """A panel is scoped by its district and its members."""
    return {panel.district, *(member.mentor for member in panel.members)}


def _panel(contract: RunningContract) -> pb.Panel:
    return contract.home.get(pb.Panel)


def _valid(contract: RunningContract, request: Any, panel: pb.Panel | None = None, *, members: bool = False) -> Valid:
    """Return a request about a panel of the home place; `members` may make it too."""
    known, foreign = panel or _panel(contract), contract.foreign.get(pb.Panel)
    scopes = (contract.home.district, *((known.members[0].mentor,) if members else ()))
    return Valid(request, scopes, known.name, foreign.name)


async def _next_hour(contract: RunningContract) -> int:
    """Return an hour for whose second half every expert of the home place has a calendar page, and duties, already."""
    hour, district = next_hour(), contract.home.district
    request = draw_panel(
        hour, district=district, technology_fields=[FIELDS[district]], size=EXPERTS, substitute_count=0
    )
    await contract.calls.call("mentors", "DrawPanel", request)
    return hour


async def _drawn(contract: RunningContract, hour: int | None = None) -> pb.Panel:
    """Draw a panel in the home place, for the second half of an hour or for no fixed time."""
    district = contract.home.district
    request = draw_panel(
        hour,
        minute=30,
        district=district,
        technology_fields=[FIELDS[district]],
        subjects=[contract.home.get(startup_pb2.Startup).name],
        substitute_count=4,
    )
    panel: pb.Panel = await contract.calls.call("mentors", "DrawPanel", request)
    return panel


# --- requests ---------------------------------------------------------------------------------


async def draw(contract: RunningContract) -> Valid:
    """Draw a panel with every field given."""
    excluded = contract.home.get(pb.ConflictDeclaration).mentor
    request = draw_panel(
        await _next_hour(contract),
        minute=30,
        district=contract.home.district,
        technology_fields=[FIELDS[contract.home.district]],
        subjects=[contract.home.get(startup_pb2.Startup).name],
        min_industry_expert_percent=50,
        kinds=[pb.KindQuota(kind="technology", min_members=1)],
        exclusions=[pb.DrawPanelRequest.Exclusion(mentor=excluded, ground=pb.CONFLICT_GROUND_KINSHIP)],
        seed="2026-11-24",
        request_id=new_request_id(),
    )
    return Valid(request, (contract.home.district,), growth={"panel_draws": 1})


async def get(contract: RunningContract) -> Valid:
    """Read the panel."""
    return _valid(contract, pb.GetPanelRequest(name=_panel(contract).name), members=True)


async def get_draw(contract: RunningContract) -> Valid:
    """Read how the panel was drawn."""
    home, foreign = contract.home.get(pb.PanelDraw), contract.foreign.get(pb.PanelDraw)
    request = pb.GetPanelDrawRequest(name=home.name)
    return Valid(request, (contract.home.district,), home.panel, foreign.name)


async def list_(contract: RunningContract) -> Valid:
    """List panels by everything that the panel is."""
    panel = _panel(contract)
    request = pb.ListPanelsRequest(
        page_size=50,
        order_by="start_time desc",
        states=[pb.Panel.STATE_DRAWN, pb.Panel.STATE_CLOSED],
        district=panel.district,
        mentor=panel.members[0].mentor,
        subject=panel.subjects[0].startup,
    )
    return _valid(contract, request, members=True)


async def declare_conflict(contract: RunningContract) -> Valid:
    """Declare a conflict of a member of a new panel."""
    panel = await _drawn(contract, await _next_hour(contract))
    request = pb.DeclareConflictRequest(
        name=panel.name,
        mentor=panel.members[0].mentor,
        startup=panel.subjects[0].startup,
        ground=pb.CONFLICT_GROUND_ADVICE,
        explanation="担任顾问",
        etag=panel.etag,
        request_id=new_request_id(),
    )
    return _valid(contract, request, panel, members=True)


async def get_declaration(contract: RunningContract) -> Valid:
    """Read the declaration of a conflict."""
    home, foreign = (place.get(pb.ConflictDeclaration) for place in (contract.home, contract.foreign))
    request = pb.GetConflictDeclarationRequest(name=home.name)
    return Valid(request, (contract.home.district, home.mentor), home.name, foreign.name)


async def replace_member(contract: RunningContract) -> Valid:
    """Replace a member of a new panel."""
    panel = await _drawn(contract, await _next_hour(contract))
    request = pb.ReplaceMemberRequest(
        name=panel.name,
        mentor=panel.members[0].mentor,
        reason=pb.Panel.LEAVE_REASON_UNAVAILABLE,
        etag=panel.etag,
        request_id=new_request_id(),
    )
    return _valid(contract, request, panel)


async def close(contract: RunningContract) -> Valid:
    """Close a new panel whose review has no fixed time."""
    panel = await _drawn(contract)
    request = pb.ClosePanelRequest(name=panel.name, etag=panel.etag, request_id=new_request_id())
    return _valid(contract, request, panel)


async def cancel(contract: RunningContract) -> Valid:
    """Cancel a new panel."""
    panel = await _drawn(contract, await _next_hour(contract))
    request = pb.CancelPanelRequest(
        name=panel.name, cancel_reason="项目撤回", etag=panel.etag, request_id=new_request_id()
    )
    return _valid(contract, request, panel)


REQUESTS = {
    "PanelService.DrawPanel": draw,
    "PanelService.GetPanel": get,
    "PanelService.GetPanelDraw": get_draw,
    "PanelService.ListPanels": list_,
    "PanelService.DeclareConflict": declare_conflict,
    "PanelService.GetConflictDeclaration": get_declaration,
    "PanelService.ReplaceMember": replace_member,
    "PanelService.ClosePanel": close,
    "PanelService.CancelPanel": cancel,
}
SCOPES = {pb.Panel: scopes_of_panel}
FACT_VALUES: Mapping[str, object] = {}
MALFORMED = frozenset({"MALFORMED"})
BAD_VALUES: Mapping[str, tuple[BadValue, ...]] = {
    "ReplaceMemberRequest.reason": ((pb.Panel.LEAVE_REASON_CONFLICT, MALFORMED),),
}

# --- entities ---------------------------------------------------------------------------------

MEMBER = Member(
    mentor="mentors/0mentor", mentor_display_name="林江", kind="technology", industry_expert=True, join_time=THEN
)
QUOTA = KindQuota(kind="technology", min_members=1)
ENTITIES: tuple[Entity, ...] = (
    Panel(
        name="panels/0panel",
        version=7,
        create_time=THEN,
        update_time=THEN,
        district="districts/220203",
        title="新材料专项评审",
        subjects=(
            Subject(startup="startups/0startup", startup_display_name="松江碳材", credit_code="91220201MA0Y3TAM6K"),
        ),
        technology_fields=("new-materials",),
        size=3,
        substitute_count=2,
        min_industry_expert_percent=40,
        kinds=(QUOTA,),
        max_panels=6,
        within_days=90,
        start_time=THEN,
        end_time=THEN + timedelta(hours=2),
        state=State.CLOSED,
        mentors=("mentors/0mentor",),
        members=(MEMBER,),
        substitutes=(MEMBER,),
        departures=(
            Departure(
                mentor="mentors/1mentor",
                mentor_display_name="张松",
                reason=LeaveReason.CONFLICT,
                leave_time=THEN,
                replaced_by="mentors/0mentor",
            ),
        ),
        cancel_reason="项目撤回",
        close_time=THEN,
    ),
    PanelDraw(
        name="panels/0panel/draw",
        version=1,
        create_time=THEN,
        update_time=THEN,
        panel="panels/0panel",
        district="districts/220203",
        seed="2026-11-24",
        size=3,
        substitute_count=2,
        min_industry_expert_percent=40,
        kinds=(QUOTA,),
        candidates=(
            Candidate(
                mentor="mentors/0mentor",
                mentor_display_name="林江",
                kind="technology",
                industry_expert=True,
                exclusions=(
                    Exclusion(
                        reason=ExclusionReason.DECLARED, startup="startups/0startup", ground=ConflictGround.KINSHIP
                    ),
                ),
            ),
        ),
        members=("mentors/0mentor",),
        substitutes=("mentors/1mentor",),
    ),
    ConflictDeclaration(
        name="panels/0panel/declarations/1mentor",
        version=1,
        create_time=THEN,
        update_time=THEN,
        panel="panels/0panel",
        district="districts/220203",
        mentor="mentors/1mentor",
        mentor_display_name="张松",
        startup="startups/0startup",
        ground=ConflictGround.ADVICE,
        explanation="担任顾问",
    ),
    Duties(
        name="mentors/0mentor/duties",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        duties=(Duty(panel="panels/0panel", date=day(7)),),
    ),
)

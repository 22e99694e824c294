"""PanelService through a real channel: what each method answers, how it refuses, and who sees what."""

import asyncio
import hashlib
import re
from typing import Any

import pytest
from grpc import StatusCode

from libs.api.hatchery.mentors.v1 import consultation_pb2, mentor_pb2
from libs.api.hatchery.mentors.v1 import panel_pb2 as pb
from libs.api.hatchery.mentors.v1.panel_pb2 import Panel
from tests.mentors.panel.requests import at, draw_panel, new_experts, next_hour
from tests.mentors.record.requests import log_consultation
from tests.mentors.requests import FENGMAN, LONGTAN
from tests.startups.requests import new_startup
from tests.support.calls import Api, refused
from tests.support.processes import Cluster

D = pb.PanelDraw


@pytest.fixture(scope="module")
async def experts(mentors: Api) -> list[mentor_pb2.Mentor]:
    """The mentors from whom panels are drawn."""
    return await new_experts(mentors, 8)


async def drawn(panels: Api, hour: int | None = None, **fields: Any) -> Panel:
    """Draw a panel for a review in an hour of its own, or in the given one."""
    panel: Panel = await panels.DrawPanel(draw_panel(next_hour() if hour is None else hour, **fields))
    return panel


async def draw_of(panels: Api, panel: Panel, **options: Any) -> D:
    """Return how a panel was drawn."""
    found: D = await panels.GetPanelDraw(pb.GetPanelDrawRequest(name=f"{panel.name}/draw"), **options)
    return found


def names(members: Any) -> list[str]:
    """Return the names of members or substitutes."""
    return [member.mentor for member in members]


def declare(panel: Panel, mentor: str, **fields: Any) -> pb.DeclareConflictRequest:
    """Declare that the mentor is related to somebody in the startup."""
    values = {"name": panel.name, "mentor": mentor, "ground": pb.CONFLICT_GROUND_KINSHIP, **fields}
    return pb.DeclareConflictRequest(**values)


# --- draw -------------------------------------------------------------------------------------


async def test_draw_then_get(panels: Api, startups: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """A new panel is as requested, with members and substitutes from the candidates, and is read back so."""
    startup = await new_startup(startups)
    panel = await drawn(panels, subjects=[startup.name], kinds=[pb.KindQuota(kind="technology", min_members=1)])
    assert re.fullmatch(r"panels/[0-9a-f]{26}", panel.name)
    assert (panel.state, panel.size, panel.vacant_seats, panel.district) == (Panel.STATE_DRAWN, 2, 0, LONGTAN)
    assert [(each.startup, each.startup_display_name) for each in panel.subjects] == [
        (startup.name, startup.display_name)
    ]
    everybody = {*names(panel.members), *names(panel.substitutes)}
    assert len(everybody) == 4
    assert everybody <= {expert.name for expert in experts}
    assert await panels.GetPanel(pb.GetPanelRequest(name=panel.name)) == panel


async def test_anybody_can_draw_again(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """The seed and the list of candidates give the order of the draw, and the order gives the members.

    The service makes a seed of its own for each panel that has none.
    """
    seeds = set()
    for _ in range(2):
        panel = await drawn(panels, exclusions=[_excluded(experts[0].name)])
        record = await draw_of(panels, panel)
        order = sorted(
            [expert.name for expert in experts],
            key=lambda name: hashlib.sha256(f"{record.seed}\n{name}".encode()).hexdigest(),
        )
        assert [each.mentor for each in record.candidates] == order
        eligible = [each.mentor for each in record.candidates if not each.exclusions]
        assert experts[0].name not in eligible
        assert list(record.members) == names(panel.members) == eligible[:2]
        assert list(record.substitutes) == names(panel.substitutes) == eligible[2:4]
        seeds.add(record.seed)
    assert len(seeds) == 2


def _excluded(mentor: str) -> pb.DrawPanelRequest.Exclusion:
    return pb.DrawPanelRequest.Exclusion(mentor=mentor, ground=pb.CONFLICT_GROUND_EMPLOYMENT)


async def test_the_same_seed_draws_the_same_panel(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """Two draws with a seed, from the same candidates, have the same members and substitutes."""
    one, other = await drawn(panels, seed="2026.11.24"), await drawn(panels, seed="2026.11.24")
    assert names(one.members) == names(other.members)
    assert names(one.substitutes) == names(other.substitutes)


async def test_who_is_busy_is_not_drawn(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """Members of a panel are busy at the time of its review; other panels at that time draw others until none is left.

    A cancelled panel frees them.
    """
    hour = next_hour()
    taken: set[str] = set()
    made = []
    for _ in range(4):
        panel = await drawn(panels, hour, substitute_count=0)
        assert not taken & set(names(panel.members))
        taken |= set(names(panel.members))
        made.append(panel)
    answer = await refused(panels.DrawPanel(draw_panel(hour)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "QUOTA_NOT_REACHABLE")
    assert (answer.metadata["seats_missing"], answer.metadata["industry_experts_missing"]) == ("2", "1")
    await panels.CancelPanel(pb.CancelPanelRequest(name=made[0].name, cancel_reason="项目撤回"))
    again = await drawn(panels, hour, substitute_count=0)
    assert set(names(again.members)) == set(names(made[0].members))


async def test_many_panels_at_once_share_no_member(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """Ten draws at the same time for one hour: as many succeed as there are members for, and nobody is in two."""
    hour = next_hour()
    requests = [draw_panel(hour, substitute_count=0, request_id=f"same-{hour}-{number}") for number in range(10)]
    answers = await asyncio.gather(*map(panels.DrawPanel, requests), return_exceptions=True)
    made = [answer for answer in answers if isinstance(answer, Panel)]
    assert len(made) == 4
    assert len({name for panel in made for name in names(panel.members)}) == 8


async def test_a_mentor_sits_on_so_many_panels(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """With one panel within a year, whoever sits on another panel is excluded for that reason."""
    await drawn(panels)
    answer = await refused(panels.DrawPanel(draw_panel(next_hour(), size=8, max_panels=1, within_days=366)))
    assert (answer.reason, int(answer.metadata["seats_missing"]) > 0) == ("QUOTA_NOT_REACHABLE", True)


async def test_who_advised_the_startup_is_not_drawn(
    panels: Api, consultations: Api, startups: Api, experts: list[mentor_pb2.Mentor]
) -> None:
    """A consultation on record excludes its mentor, though the startup has confirmed nothing and nobody declared it."""
    startup = await new_startup(startups)
    logged: consultation_pb2.Consultation = await consultations.LogConsultation(
        log_consultation(experts[0].name, [startup.name], -3)
    )
    record = await draw_of(panels, await drawn(panels, size=7, substitute_count=0, subjects=[startup.name]))
    excluded = {each.mentor: list(each.exclusions) for each in record.candidates if each.exclusions}
    assert excluded == {logged.mentor: [D.Exclusion(reason=D.EXCLUSION_REASON_MENTOR_OF, startup=startup.name)]}


async def test_what_does_not_exist_is_refused(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """A startup, an excluded mentor, a panel, a draw and a declaration that do not exist are NOT_FOUND."""
    nothing = "panels/nothing"
    for call, reason in (
        (panels.DrawPanel(draw_panel(next_hour(), subjects=["startups/nothing"])), "STARTUP_NOT_FOUND"),
        (panels.DrawPanel(draw_panel(next_hour(), exclusions=[_excluded("mentors/nobody")])), "MENTOR_NOT_FOUND"),
        (panels.GetPanel(pb.GetPanelRequest(name=nothing)), "PANEL_NOT_FOUND"),
        (panels.GetPanelDraw(pb.GetPanelDrawRequest(name=f"{nothing}/draw")), "PANEL_DRAW_NOT_FOUND"),
        (
            panels.GetConflictDeclaration(pb.GetConflictDeclarationRequest(name=f"{nothing}/declarations/m1")),
            "CONFLICT_DECLARATION_NOT_FOUND",
        ),
        (panels.ClosePanel(pb.ClosePanelRequest(name=nothing)), "PANEL_NOT_FOUND"),
        (panels.CancelPanel(pb.CancelPanelRequest(name=nothing, cancel_reason="x")), "PANEL_NOT_FOUND"),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, reason)


# --- change -----------------------------------------------------------------------------------


async def test_a_member_declares_a_conflict(panels: Api, cluster: Cluster, experts: list[mentor_pb2.Mentor]) -> None:
    """The member leaves, is answered, reads the declaration, and no longer sees the panel; a repeat changes nothing."""
    panel = await drawn(panels)
    leaving, joining = panel.members[0].mentor, panel.substitutes[0].mentor
    own = cluster.token("mentor", [leaving])
    assert await panels.GetPanel(pb.GetPanelRequest(name=panel.name), token=own) == panel
    request = declare(panel, leaving, explanation="配偶任职", request_id=f"declare-{panel.name[7:]}")
    declared = await panels.DeclareConflict(request, token=own)
    assert (declared.mentor, declared.explanation) == (leaving, "配偶任职")
    assert await panels.DeclareConflict(request, token=own) == declared
    get = pb.GetConflictDeclarationRequest(name=declared.name)
    assert await panels.GetConflictDeclaration(get, token=own) == declared
    assert (await refused(panels.GetPanel(pb.GetPanelRequest(name=panel.name), token=own))).reason == "OUT_OF_SCOPE"
    changed = await panels.GetPanel(pb.GetPanelRequest(name=panel.name))
    assert names(changed.members) == [panel.members[1].mentor, joining]
    assert names(changed.departures) == [leaving]
    other = cluster.token("mentor", [joining])
    assert await panels.GetPanel(pb.GetPanelRequest(name=panel.name), token=other) == changed
    assert (await refused(panels.GetConflictDeclaration(get, token=other))).reason == "OUT_OF_SCOPE"


async def test_a_mentor_declares_the_own_conflicts_only(
    panels: Api, cluster: Cluster, experts: list[mentor_pb2.Mentor]
) -> None:
    """A member cannot remove another member by declaring a conflict for somebody else."""
    panel = await drawn(panels)
    own = cluster.token("mentor", [panel.members[0].mentor])
    answer = await refused(panels.DeclareConflict(declare(panel, panel.members[1].mentor), token=own))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    assert await panels.GetPanel(pb.GetPanelRequest(name=panel.name)) == panel


async def test_a_member_is_replaced(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """The first substitute joins; once there is none, a replacement is refused."""
    panel = await drawn(panels, substitute_count=1)
    request = pb.ReplaceMemberRequest(
        name=panel.name, mentor=panel.members[1].mentor, reason=Panel.LEAVE_REASON_UNAVAILABLE
    )
    changed = await panels.ReplaceMember(request)
    assert names(changed.members) == [panel.members[0].mentor, panel.substitutes[0].mentor]
    assert changed.departures[0].replaced_by == panel.substitutes[0].mentor
    request.mentor = panel.members[0].mentor
    answer = await refused(panels.ReplaceMember(request))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "NO_SUBSTITUTE_FITS")


async def test_close(panels: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """A review without a fixed time can be closed at once, one in the future cannot, and nothing is closed twice."""
    panel = await panels.DrawPanel(draw_panel())
    closed = await panels.ClosePanel(pb.ClosePanelRequest(name=panel.name, etag=panel.etag))
    assert (closed.state, closed.HasField("close_time")) == (Panel.STATE_CLOSED, True)
    answer = await refused(panels.ClosePanel(pb.ClosePanelRequest(name=panel.name)))
    assert (answer.reason, answer.metadata) == ("WRONG_PANEL_STATE", {"state": "CLOSED"})
    hour = next_hour()
    later = await drawn(panels, hour)
    answer = await refused(panels.ClosePanel(pb.ClosePanelRequest(name=later.name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "PANEL_NOT_BEGUN")
    assert answer.metadata["start_time"] == at(hour).ToJsonString()


# --- who sees what ----------------------------------------------------------------------------


async def test_a_panel_is_confidential(panels: Api, cluster: Cluster, experts: list[mentor_pb2.Mentor]) -> None:
    """Officials and evaluators of the district, and members, see a panel; substitutes and others do not.

    The draw, with its seed and the reasons against candidates, is for officials and evaluators only.
    """
    panel = await drawn(panels)
    get = pb.GetPanelRequest(name=panel.name)
    member, substitute = panel.members[0].mentor, panel.substitutes[0].mentor
    for role, scope in (("official", LONGTAN), ("evaluator", LONGTAN), ("mentor", member)):
        assert await panels.GetPanel(get, token=cluster.token(role, [scope])) == panel
    for role, scope in (("official", FENGMAN), ("mentor", substitute), ("evaluator", FENGMAN)):
        answer = await refused(panels.GetPanel(get, token=cluster.token(role, [scope])))
        assert answer.reason == "OUT_OF_SCOPE"
    for role in ("founder", "operator", "integrator", "judge"):
        answer = await refused(panels.GetPanel(get, token=cluster.token(role, [LONGTAN, member])))
        assert answer.reason == "PERMISSION_DENIED"
    answer = await refused(draw_of(panels, panel, token=cluster.token("mentor", [member])))
    assert answer.reason == "PERMISSION_DENIED"
    assert (await draw_of(panels, panel, token=cluster.token("evaluator", [LONGTAN]))).panel == panel.name


async def test_an_official_draws_for_the_own_district(
    panels: Api, cluster: Cluster, experts: list[mentor_pb2.Mentor]
) -> None:
    """A panel is drawn in the district in scope; a refused draw occupies nobody."""
    hour, official = next_hour(), cluster.token("official", [FENGMAN])
    answer = await refused(panels.DrawPanel(draw_panel(hour, size=8, substitute_count=0), token=official))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    request = draw_panel(hour, size=8, substitute_count=0, district=FENGMAN)
    assert (await panels.DrawPanel(request, token=official)).district == FENGMAN


async def test_list_panels(panels: Api, cluster: Cluster, startups: Api, experts: list[mentor_pb2.Mentor]) -> None:
    """Panels are listed by startup, member, district and state, in the order of creation or of their start."""
    startup = await new_startup(startups)
    one = await drawn(panels, subjects=[startup.name])
    two = await drawn(panels, subjects=[startup.name], district=FENGMAN)
    three = await panels.DrawPanel(draw_panel(subjects=[startup.name]))
    two = await panels.CancelPanel(pb.CancelPanelRequest(name=two.name, cancel_reason="项目撤回"))
    query = pb.ListPanelsRequest
    for request, found in (
        (query(subject=startup.name), [one, two, three]),
        (query(subject=startup.name, order_by="start_time desc"), [two, one, three]),
        (query(subject=startup.name, district=FENGMAN), [two]),
        (query(subject=startup.name, states=[Panel.STATE_DRAWN]), [one, three]),
        (query(subject=startup.name, mentor=one.members[0].mentor, page_size=200), None),
    ):
        page = await panels.ListPanels(request)
        if found is not None:
            assert list(page.panels) == found
        else:
            assert one in page.panels
            assert all(request.mentor in names(panel.members) for panel in page.panels)
    own = cluster.token("mentor", [one.members[0].mentor])
    mine = await panels.ListPanels(query(page_size=200), token=own)
    assert mine.panels
    assert all(one.members[0].mentor in names(panel.members) for panel in mine.panels)

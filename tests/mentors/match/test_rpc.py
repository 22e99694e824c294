"""MatchService through a real channel: what is ranked, who is excluded, and who may query."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from grpc import StatusCode, aio

from libs.api.hatchery.mentors.v1 import appointment_pb2, match_pb2, match_pb2_grpc, profession_pb2
from libs.api.hatchery.mentors.v1.conflict_pb2 import Conflict
from libs.api.hatchery.mentors.v1.match_pb2 import Reason
from libs.api.hatchery.spaces.v1 import facts_pb2 as spaces
from libs.api.hatchery.startups.v1 import facts_pb2 as startups
from libs.api.hatchery.startups.v1 import startup_pb2
from tests.mentors.requests import FENGMAN, HIGH_TECH, LONGTAN, date_of, new_mentor
from tests.support.calls import Api, refused
from tests.support.processes import Cluster, Replica
from tests.support.publisher import Publisher, operations, publisher, until_idle

FIRM, SPACE = "startups/firm", "spaces/hub"


@dataclass(frozen=True)
class Place:
    """A firm that is a tenant of a space, with mentors around it."""

    matching: Api
    holder: str
    neighbour: str
    expert: str
    stranger: str


@pytest.fixture(scope="module")
async def of_startups(cluster: Cluster) -> AsyncIterator[Publisher]:
    """Publishes in place of startups."""
    async with publisher(cluster, "startups") as made:
        yield made


@pytest.fixture(scope="module")
async def of_spaces(cluster: Cluster) -> AsyncIterator[Publisher]:
    """Publishes in place of spaces."""
    async with publisher(cluster, "spaces") as made:
        yield made


@pytest.fixture(scope="module")
async def matching(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """MatchService, called as an admin unless a token is given."""
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, match_pb2_grpc, "MatchService", cluster.token())


@pytest.fixture(scope="module")
async def place(cluster: Cluster, of_startups: Publisher, of_spaces: Publisher, mentors: Api, matching: Api) -> Place:
    """Publish the facts of a firm and its space, and appoint mentors.

    The expert has the firm's field and a skill, the neighbour its field and its space, the stranger neither.
    """
    firm = startups.StartupRegistered(
        name=FIRM,
        display_name="松江碳材",
        stage=startup_pb2.Startup.STAGE_FIRM,
        district=LONGTAN,
        technology_field="aerospace",
    )
    await of_startups.publish(firm)
    await of_spaces.publish(
        spaces.SpaceCreated(name=SPACE, display_name="江城孵化器", district=FENGMAN, zone=HIGH_TECH)
    )
    tenancy = f"{SPACE}/tenancies/t1"
    moved_in = spaces.TenancyActivated(name=tenancy, space=SPACE, startup=FIRM, start_date=date_of(-30))
    await of_spaces.publish(moved_in)
    await of_startups.publish(
        startups.StartupRegistered(name="startups/free", display_name="船营团队", district=FENGMAN)
    )
    async with operations(cluster, "mentors") as service:
        await until_idle(service)
    field = {"technology_fields": ["aerospace"]}
    share = profession_pb2.Holding(startup=FIRM, share_per_mille=30)
    holder = await new_mentor(mentors, LONGTAN, holdings=[share], **field)
    neighbour = await new_mentor(mentors, SPACE, district=FENGMAN, **field)
    expert = await new_mentor(mentors, FENGMAN, district=FENGMAN, skills=["export"], **field)
    stranger = await new_mentor(mentors, LONGTAN, skills=["branding"], languages=["ko"])
    retired = await new_mentor(mentors, LONGTAN, **field)
    reason = appointment_pb2.RETIRE_REASON_RESIGNED
    await mentors.RetireMentor(appointment_pb2.RetireMentorRequest(name=retired.name, retire_reason=reason))
    suspended = await new_mentor(mentors, LONGTAN, **field)
    await mentors.SuspendMentor(appointment_pb2.SuspendMentorRequest(name=suspended.name))
    return Place(matching, holder.name, neighbour.name, expert.name, stranger.name)


def for_firm(**need: Any) -> match_pb2.MatchMentorsRequest:
    """Find mentors for the firm."""
    return match_pb2.MatchMentorsRequest(startup=FIRM, need=match_pb2.Need(**need))


def codes(match: match_pb2.Match) -> dict[int, list[str]]:
    """Return the values of each reason."""
    return {reason.code: list(reason.values) for reason in match.reasons}


async def test_a_startup_finds_mentors_with_reasons(place: Place) -> None:
    """Mentors of its field are ranked; the one of its space, in its space's district, comes first, with the reasons."""
    found = await place.matching.MatchMentors(for_firm())
    assert [match.mentor for match in found.matches] == [place.neighbour, place.expert]
    first = found.matches[0]
    assert codes(first) == {
        Reason.CODE_TECHNOLOGY_FIELD: ["aerospace"],
        Reason.CODE_SPACE: [SPACE],
        Reason.CODE_DISTRICT: [FENGMAN],
    }
    assert first.mentor_display_name
    assert first.score == sum(reason.points for reason in first.reasons)


async def test_a_need_changes_the_ranking(place: Place) -> None:
    """With a skill that is sought, the mentor who has it comes first, and one who has nothing else is found too."""
    found = await place.matching.MatchMentors(for_firm(skills=["export", "branding"]))
    assert [match.mentor for match in found.matches] == [place.expert, place.neighbour, place.stranger]
    assert codes(found.matches[0])[Reason.CODE_SKILL] == ["export"]
    assert codes(found.matches[2]) == {Reason.CODE_SKILL: ["branding"], Reason.CODE_DISTRICT: [LONGTAN]}


async def test_conflicts_of_interest_are_excluded_and_named(place: Place) -> None:
    """A mentor who holds shares in the startup is not ranked; the reply says who it is and why."""
    [excluded] = (await place.matching.MatchMentors(for_firm())).excluded
    assert excluded.mentor == place.holder
    [conflict] = excluded.conflicts
    assert (conflict.kind, conflict.startup, list(conflict.basis)) == (Conflict.KIND_HOLDS_SHARES, FIRM, ["30"])


async def test_a_need_alone_is_nobodys(place: Place) -> None:
    """Without a startup its shareholder is ranked like everybody else, and nobody is excluded."""
    need = match_pb2.Need(technology_field="aerospace", space=SPACE)
    found = await place.matching.MatchMentors(match_pb2.MatchMentorsRequest(need=need))
    assert found.matches[0].mentor == place.neighbour
    assert {match.mentor for match in found.matches} == {place.neighbour, place.expert, place.holder}
    assert not found.excluded


async def test_the_number_of_matches_is_limited(place: Place) -> None:
    """The first of the ranking are returned, the same every time."""
    request = for_firm(skills=["export"])
    request.max_matches = 1
    answers = [await place.matching.MatchMentors(request) for _ in range(3)]
    assert [[match.mentor for match in answer.matches] for answer in answers] == [[place.expert]] * 3


async def test_a_startup_without_a_space_has_none(place: Place) -> None:
    """For a startup that is no tenant, district and field count and no space does."""
    found = await place.matching.MatchMentors(match_pb2.MatchMentorsRequest(startup="startups/free"))
    assert found.matches
    assert all(Reason.CODE_SPACE not in codes(match) for match in found.matches)
    assert Reason.CODE_DISTRICT in codes(found.matches[0])


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        ("founder", FIRM),
        ("operator", SPACE),
        ("official", LONGTAN),
        ("official", FENGMAN),
        ("official", HIGH_TECH),
        ("integrator", LONGTAN),
    ],
)
async def test_who_reaches_the_startup_or_its_space_may_query(
    cluster: Cluster, place: Place, role: str, scope: str
) -> None:
    """The founder, the operator of its space, and officials of the district or zone of either are answered."""
    token = cluster.token(role, (scope,))
    assert (await place.matching.MatchMentors(for_firm(), token=token)).matches


@pytest.mark.parametrize(
    ("role", "scope"), [("founder", "startups/free"), ("operator", "spaces/other"), ("official", "districts/220204")]
)
@pytest.mark.parametrize("startup", [FIRM, "startups/nobody"])
async def test_others_learn_nothing_about_a_startup(
    cluster: Cluster, place: Place, role: str, scope: str, startup: str
) -> None:
    """Whoever does not reach it is refused alike whether it exists or not; a need alone is answered."""
    token = cluster.token(role, (scope,))
    answer = await refused(place.matching.MatchMentors(match_pb2.MatchMentorsRequest(startup=startup), token=token))
    assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    need = match_pb2.Need(technology_field="aerospace")
    assert (await place.matching.MatchMentors(match_pb2.MatchMentorsRequest(need=need), token=token)).matches


async def test_the_space_of_a_need_gives_no_access_to_a_startup(cluster: Cluster, place: Place) -> None:
    """An operator who names the own space in the need does not reach another space's tenant by it."""
    request = match_pb2.MatchMentorsRequest(startup="startups/free", need=match_pb2.Need(space=SPACE))
    answer = await refused(place.matching.MatchMentors(request, token=cluster.token("operator", (SPACE,))))
    assert answer.reason == "OUT_OF_SCOPE"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (match_pb2.MatchMentorsRequest(startup="startups/nobody"), "STARTUP_NOT_FOUND"),
        (match_pb2.MatchMentorsRequest(need=match_pb2.Need(space="spaces/nowhere")), "SPACE_NOT_FOUND"),
    ],
)
async def test_what_is_not_known_is_not_found(
    place: Place, request_: match_pb2.MatchMentorsRequest, reason: str
) -> None:
    """A startup or a space that does not exist is named."""
    answer = await refused(place.matching.MatchMentors(request_))
    assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, reason)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (match_pb2.MatchMentorsRequest(), {"startup": "REQUIRED"}),
        (match_pb2.MatchMentorsRequest(need=match_pb2.Need()), {"startup": "REQUIRED"}),
        (match_pb2.MatchMentorsRequest(startup=FIRM, max_matches=51), {"max_matches": "OUT_OF_RANGE"}),
        (match_pb2.MatchMentorsRequest(need=match_pb2.Need(skills=["alchemy"])), {"need.skills[0]": "MALFORMED"}),
    ],
)
async def test_a_query_must_seek_something(
    place: Place, request_: match_pb2.MatchMentorsRequest, fields: dict[str, str]
) -> None:
    """A query without a startup and a need, and unknown codes, are refused by their field."""
    answer = await refused(place.matching.MatchMentors(request_))
    assert (answer.code, answer.fields) == (StatusCode.INVALID_ARGUMENT, fields)

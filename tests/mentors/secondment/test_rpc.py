"""SecondmentService through a real channel: what each method answers, how it refuses, and who sees what."""

import asyncio
import re

from grpc import StatusCode
from grpc.aio import AioRpcError

from libs.api.hatchery.mentors.v1 import secondment_pb2 as pb
from libs.api.hatchery.mentors.v1.secondment_pb2 import Secondment
from tests.mentors.requests import FENGMAN, LONGTAN, date_of, day, new_mentor
from tests.mentors.secondment.requests import agreed, consent, end, propose
from tests.support.calls import Api, Refused, refused
from tests.support.processes import Cluster

HOME, HOST = Secondment.PARTY_HOME, Secondment.PARTY_HOST


async def get(secondments: Api, name: str, **options: str) -> Secondment:
    """Read a secondment."""
    found: Secondment = await secondments.GetSecondment(pb.GetSecondmentRequest(name=name), **options)
    return found


async def test_propose_consent_and_get(mentors: Api, secondments: Api) -> None:
    """A proposal is as requested; with both consents and their documents it is agreed, and is read back so."""
    mentor = await new_mentor(mentors)
    request = propose(mentor.name, percent=40)
    made = await secondments.ProposeSecondment(request)
    assert re.fullmatch(r"secondments/[0-9a-f]{26}", made.name)
    assert (made.state, made.mentor_display_name, made.district) == (
        Secondment.STATE_PROPOSED,
        mentor.display_name,
        mentor.district,
    )
    assert (made.home, made.host, made.role, made.share_percent) == (request.home, request.host, "技术总监", 40)
    first = consent(made.name, HOST, consent_date=date_of(-2), etag=made.etag)
    one = await secondments.RecordConsent(first)
    assert (one.state, one.host_consent.evidence, one.HasField("home_consent")) == (
        Secondment.STATE_PROPOSED,
        first.evidence,
        False,
    )
    assert one.host_consent.consent_date == date_of(-2)
    both = await secondments.RecordConsent(consent(made.name, HOME))
    assert (both.state, both.home_consent.consent_date) == (Secondment.STATE_AGREED, date_of(0))
    assert await get(secondments, made.name) == both
    answer = await refused(secondments.RecordConsent(consent(made.name, HOST)))
    assert (answer.code, answer.reason) == (StatusCode.ALREADY_EXISTS, "ALREADY_CONSENTED")
    assert answer.metadata == {"consent_date": str(day(-2))}


async def test_what_has_begun_is_active(mentors: Api, secondments: Api) -> None:
    """A secondment whose first day has come is ACTIVE with the second consent."""
    mentor = await new_mentor(mentors)
    assert (await agreed(secondments, mentor.name, 0, 30)).state == Secondment.STATE_ACTIVE


async def test_the_working_time_of_a_mentor_is_limited(mentors: Api, secondments: Api) -> None:
    """Twenty proposals of 30 % at once: three fit on each day, and the others are told what is left."""
    mentor = await new_mentor(mentors)
    requests = [propose(mentor.name, percent=30, request_id=f"{mentor.name[8:]}.{number}") for number in range(20)]
    calls = [refused_or_made(secondments, request) for request in requests]
    answers = await asyncio.gather(*calls)
    assert answers.count("made") == 3
    assert answers.count(f"WORKING_TIME_EXCEEDED {day(10)} 90 10") == 17
    assert (await secondments.ProposeSecondment(propose(mentor.name, 100, 200, 100))).share_percent == 100


async def refused_or_made(secondments: Api, request: pb.ProposeSecondmentRequest) -> str:
    """Propose a secondment; return `made`, or the reason and the metadata of the refusal."""
    try:
        await secondments.ProposeSecondment(request)
    except AioRpcError as error:
        answer = Refused(error)
        given = (answer.metadata[key] for key in ("day", "used_percent", "free_percent"))
        return " ".join((answer.reason, *given))
    return "made"


async def test_end_early(mentors: Api, secondments: Api) -> None:
    """An end frees the working time from that day on; a second end is refused."""
    mentor = await new_mentor(mentors)
    made = await agreed(secondments, mentor.name, 0, 100, 80)
    noticed = await secondments.EndSecondment(end(made.name, 50, etag=made.etag))
    assert (noticed.state, noticed.end_date) == (Secondment.STATE_ACTIVE, date_of(50))
    assert (await refused(secondments.ProposeSecondment(propose(mentor.name, 49, 60, 21)))).reason
    await secondments.ProposeSecondment(propose(mentor.name, 50, 60, 100))
    over = await secondments.EndSecondment(end(made.name))
    assert (over.state, over.end_date, over.end_reason) == (
        Secondment.STATE_ENDED,
        date_of(0),
        Secondment.END_REASON_RECALLED,
    )
    answer = await refused(secondments.EndSecondment(end(made.name)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "SECONDMENT_ENDED")
    assert answer.metadata == {"end_date": str(day(0))}


async def test_a_proposal_can_be_withdrawn(mentors: Api, secondments: Api) -> None:
    """A refused proposal is over and takes no working time."""
    mentor = await new_mentor(mentors)
    made = await secondments.ProposeSecondment(propose(mentor.name, percent=100))
    withdrawn = await secondments.EndSecondment(end(made.name, end_reason=Secondment.END_REASON_REFUSED))
    assert (withdrawn.state, withdrawn.end_reason) == (Secondment.STATE_ENDED, Secondment.END_REASON_REFUSED)
    assert (await secondments.ProposeSecondment(propose(mentor.name, percent=100))).state == Secondment.STATE_PROPOSED


async def test_what_does_not_exist_is_not_found(secondments: Api) -> None:
    """A mentor and a secondment that do not exist are NOT_FOUND, each with a reason of its own."""
    nothing = "secondments/nothing"
    for call, reason in (
        (secondments.ProposeSecondment(propose("mentors/nobody")), "MENTOR_NOT_FOUND"),
        (secondments.GetSecondment(pb.GetSecondmentRequest(name=nothing)), "SECONDMENT_NOT_FOUND"),
        (secondments.RecordConsent(consent(nothing, HOME)), "SECONDMENT_NOT_FOUND"),
        (secondments.EndSecondment(end(nothing)), "SECONDMENT_NOT_FOUND"),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, reason)


async def test_a_repeat_gets_the_first_answer(mentors: Api, secondments: Api) -> None:
    """A proposal that is repeated under its request id is made once, and reserves its share once."""
    mentor = await new_mentor(mentors)
    request = propose(mentor.name, percent=60, request_id=f"twice-{mentor.name[8:]}")
    first = await secondments.ProposeSecondment(request)
    assert await asyncio.gather(*(secondments.ProposeSecondment(request) for _ in range(10))) == [first] * 10
    await secondments.ProposeSecondment(propose(mentor.name, percent=40))


async def test_list_and_scope(mentors: Api, secondments: Api, cluster: Cluster) -> None:
    """Secondments are listed by mentor, district and state, in the order of creation or of their first day.

    A mentor, an official and an evaluator see those in scope, and learn nothing about others.
    """
    one_mentor, other_mentor = await new_mentor(mentors), await new_mentor(mentors, FENGMAN, district=FENGMAN)
    later = await secondments.ProposeSecondment(propose(one_mentor.name, 20, 30))
    sooner = await agreed(secondments, one_mentor.name, 5, 30)
    other = await secondments.ProposeSecondment(propose(other_mentor.name))
    query = pb.ListSecondmentsRequest
    for request, found in (
        (query(mentor=one_mentor.name), [later, sooner]),
        (query(mentor=one_mentor.name, order_by="start_date"), [sooner, later]),
        (query(mentor=one_mentor.name, states=[Secondment.STATE_AGREED]), [sooner]),
        (query(mentor=other_mentor.name, district=FENGMAN), [other]),
        (query(mentor=other_mentor.name, district=LONGTAN), []),
    ):
        assert list((await secondments.ListSecondments(request)).secondments) == found
    mine = cluster.token("mentor", [one_mentor.name])
    assert list((await secondments.ListSecondments(query(), token=mine)).secondments) == [later, sooner]
    for call in (
        get(secondments, other.name, token=mine),
        get(secondments, f"{other.name}x", token=mine),
        secondments.ProposeSecondment(propose(other_mentor.name), token=mine),
        secondments.RecordConsent(consent(other.name, HOME), token=mine),
        secondments.EndSecondment(end(other.name), token=mine),
    ):
        answer = await refused(call)
        assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")
    for role in ("official", "evaluator", "integrator"):
        assert await get(secondments, other.name, token=cluster.token(role, [FENGMAN])) == other
    founder = cluster.token("founder", [one_mentor.name])
    assert (await refused(get(secondments, later.name, token=founder))).reason == "PERMISSION_DENIED"

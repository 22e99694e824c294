"""Request messages of secondments. Days are counted from today in the city's time zone."""

from typing import Any

from libs.api.hatchery.mentors.v1 import secondment_pb2 as pb
from tests.mentors.requests import date_of, evidence
from tests.support.calls import Api

CODE = "91220201MA0Y3TAM6K"


def propose(
    mentor: str, start: int = 10, stop: int = 100, percent: int = 1, **fields: Any
) -> pb.ProposeSecondmentRequest:
    """Propose a secondment of a mentor from a day to a day."""
    values = {
        "home": pb.Organisation(display_name="东北电力大学", credit_code=CODE),
        "host": pb.Organisation(display_name="松江碳材", credit_code="91220202MA0Y1X2KX3"),
        "role": "技术总监",
        "start_date": date_of(start),
        "end_date": date_of(stop),
        "share_percent": percent,
    }
    return pb.ProposeSecondmentRequest(mentor=mentor, **{**values, **fields})


def consent(name: str, party: pb.Secondment.Party.ValueType, **fields: Any) -> pb.RecordConsentRequest:
    """Record the consent of an organisation, proved by a new document."""
    return pb.RecordConsentRequest(name=name, party=party, evidence=evidence(), **fields)


def end(name: str, stop: int | None = None, **fields: Any) -> pb.EndSecondmentRequest:
    """End a secondment, because the home organisation calls the mentor back."""
    values = {"end_date": date_of(stop), "end_reason": pb.Secondment.END_REASON_RECALLED}
    return pb.EndSecondmentRequest(name=name, **{**values, **fields})


async def agreed(secondments: Api, mentor: str, start: int = 10, stop: int = 100, percent: int = 1) -> pb.Secondment:
    """Propose a secondment, record both consents, and return it."""
    made: pb.Secondment = await secondments.ProposeSecondment(propose(mentor, start, stop, percent))
    for party in (pb.Secondment.PARTY_HOME, pb.Secondment.PARTY_HOST):
        made = await secondments.RecordConsent(consent(made.name, party))
    return made

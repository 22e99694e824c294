"""What is personal of a mentor stays out of facts, the journal and logs, and is gone when the person is forgotten."""

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from libs.api.hatchery.mentors.v1 import appointment_pb2 as terms
from libs.api.hatchery.mentors.v1 import contact_pb2, mentor_pb2, nomination_pb2
from tests.mentors.requests import LONGTAN, appoint_mentor, evidence, mentor_spec, update_mentor
from tests.support.calls import Api
from tests.support.processes import Cluster

#: Planted in every field of the contact and the papers, and in the description.
PHONE, EMAIL, PAPER, REASON, LIFE = "13804329876", "planted.lin", "种下的单位", "种下的理由", "种下的生平"
PLANTED = (PHONE, EMAIL, PAPER, REASON, LIFE, "planted-link")
Client = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[Client]:
    """A client of the services' MongoDB, to look into the database of mentors."""
    with Client(cluster.mongo.admin_uri) as opened:
        yield opened


def found_in(cluster: Cluster, client: Client, *collections: str) -> set[str]:
    """Return what was planted and is found in these collections of mentors, all of them if none is named."""
    database = client[cluster.database("mentors")]
    names = collections or database.list_collection_names()
    raw = b"".join(bson.encode(document) for name in names for document in database[name].find())
    return {text for text in PLANTED if text.encode() in raw}


async def nominate(mentors: Api) -> mentor_pb2.Mentor:
    """Nominate a person with planted values."""
    paper = nomination_pb2.NominationSpec(
        organisation=PAPER, documents=[evidence(link="https://files.example.org/planted-link")]
    )
    request = mentor_pb2.NominateMentorRequest(
        mentor=mentor_spec(biography_zh=LIFE),
        nominator=LONGTAN,
        nomination=paper,
        contact=contact_pb2.MentorContactSpec(phone=PHONE, email=f"{EMAIL}@example.org"),
    )
    made: mentor_pb2.Mentor = await mentors.NominateMentor(request)
    return made


async def test_personal_data_is_only_where_it_belongs(
    mentors: Api, nominations: Api, mentor_contacts: Api, cluster: Cluster, client: Client
) -> None:
    """Phone, e-mail, papers and a rejection's reason are in their documents, and in no fact, journal entry or log.

    The journal holds the bytes of every fact. Forgetting the person leaves none of it anywhere.
    """
    made, other = await nominate(mentors), await nominate(mentors)
    await mentors.AppointMentor(appoint_mentor(made.name))
    await mentors.UpdateMentor(update_mentor(made.name, ["biography_zh"], biography_zh=f"{LIFE}。"))
    contact = contact_pb2.MentorContactSpec(phone=PHONE, email=f"{EMAIL}@example.com")
    await mentor_contacts.UpdateMentorContact(
        contact_pb2.UpdateMentorContactRequest(name=f"{made.name}/contact", contact=contact)
    )
    await nominations.RejectNomination(
        nomination_pb2.RejectNominationRequest(name=f"{other.name}/nomination", rejection_reason=REASON)
    )
    assert found_in(cluster, client) == set(PLANTED)
    assert found_in(cluster, client, "journal") == set()
    for name in (made.name, other.name):
        await mentors.ForgetPerson(terms.ForgetPersonRequest(name=name))
    assert found_in(cluster, client) == set()
    log = (cluster.folder / "mentors.log").read_text("utf-8")
    assert made.name in log
    assert not [text for text in PLANTED if text in log]

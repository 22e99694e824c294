"""Records in a real MongoDB: logged once, counted once, scoped, and free of personal data where others look."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import bson
import pytest
from structlog.testing import capture_logs

from libs.api.hatchery.mentors.v1 import facts_pb2
from libs.calendar.interval import Interval
from libs.common.domain.entity import UpdateMask
from libs.common.domain.errors import Denied, Refusal, Taken
from libs.common.runtime.clock import Names
from libs.common.store.database import Database
from services.mentors.domain.answer import ConfirmConsultation, DisputeConsultation, Resolution, ResolveDispute
from services.mentors.domain.consultation import Consultation, State
from services.mentors.domain.correction import AddEvidence, CompleteNextStep, CorrectConsultation
from services.mentors.domain.log import LogConsultation
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.note import GetConsultationNote, UpdateConsultationNote
from services.mentors.domain.record import RecordSection, RecordSpec
from services.mentors.service.note import Notes
from services.mentors.service.record import Records
from services.mentors.store import CONSULTATIONS, MENTORS, RESIDENCES, STARTUPS, MentorsStore
from tests.mentors.booking.samples import MENTOR, OTHER_STARTUP, SPACE, STARTUP, residence, span
from tests.mentors.record.samples import TOMORROW, document, log_of, record_of
from tests.mentors.samples import CITY, LONGTAN, mentor, startup
from tests.support.clock import FixedClock
from tests.support.store_fixtures import insert, new_context, new_store, running

TEN = span(0, "10:00")
RULES = RecordSection(source="here", answer_days=14)
OWN_SPACE = "spaces/s1"  # has appointed the mentor
Replicas = tuple[Records, Records]


def records_on(store: MentorsStore) -> Records:
    """Return the records of one replica."""
    clock = FixedClock(TOMORROW)
    return Records(store, clock, Names(clock), CITY, RULES)


@pytest.fixture
async def replicas(database: Database) -> AsyncIterator[Replicas]:
    """Two replicas on one database, with a mentor and two startups, of which one is a tenant."""
    clock = FixedClock(TOMORROW)
    async with (
        running(new_store(MentorsStore, database, facts_pb2, clock)) as one,
        running(new_store(MentorsStore, database, facts_pb2, clock)) as other,
    ):
        await insert(database, MENTORS, [mentor()])
        await insert(database, STARTUPS, [startup(STARTUP), startup(OTHER_STARTUP)])
        await insert(database, RESIDENCES, [residence()])
        yield records_on(one), records_on(other)


async def logged_at(records: Records, time: Interval, *startups: str) -> Consultation:
    """Log a session."""
    return await records.log(log_of(time, startups or (STARTUP,)), new_context())


# --- once -------------------------------------------------------------------------------------


async def test_an_hour_is_logged_once_from_two_devices(replicas: Replicas, database: Database) -> None:
    """The same hour logged fifty times at once at two replicas is one consultation; the others name it."""
    calls = (replicas[number % 2].log(log_of(TEN), new_context()) for number in range(50))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    [first] = [answer for answer in answers if isinstance(answer, Consultation)]
    refusals = [answer for answer in answers if isinstance(answer, Taken)]
    assert Counter(refusal.reason for refusal in refusals) == {"ALREADY_LOGGED": 49}
    expected = {
        "consultation": first.name,
        "taken_start": "2026-11-24T02:00:00Z",
        "taken_end": "2026-11-24T03:00:00Z",
    }
    assert all(refusal.metadata == expected for refusal in refusals)
    await ensure_one(database)


async def test_pressing_save_twice_logs_once(replicas: Replicas, database: Database) -> None:
    """One request repeated fifty times at two replicas is one consultation, and every repeat gets the same reply."""
    calls = (replicas[number % 2].log(log_of(TEN), new_context(request_id="save")) for number in range(50))
    answers = await asyncio.gather(*calls)
    assert answers == [answers[0]] * 50
    await ensure_one(database)


async def ensure_one(database: Database) -> None:
    """Fail unless there is one consultation, one entry in one calendar page, and one journal entry."""
    assert await database.collection("consultations").count_documents({}) == 1
    pages = await database.collection("calendars").find().to_list(None)
    assert [len(page["entries"]) for page in pages] == [1]
    assert await database.collection("journal").count_documents({}) == 1


async def test_overlapping_hours_of_different_devices(replicas: Replicas, database: Database) -> None:
    """Of forty sessions that each overlap the next, logged at once at two replicas, no two that overlap are logged."""
    times = [span(0, f"{9 + number // 12:02}:{number % 12 * 5:02}", 12) for number in range(40)]
    calls = (replicas[number % 2].log(log_of(time), new_context()) for number, time in enumerate(times))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    logged = [answer for answer in answers if isinstance(answer, Consultation)]
    held = sorted((each.start_time, each.end_time) for each in logged)
    assert all(end <= start for (_, end), (start, _) in pairwise(held))
    assert {answer.reason for answer in answers if isinstance(answer, Refusal)} == {"ALREADY_LOGGED"}
    [page] = await database.collection("calendars").find().to_list(None)
    assert [entry["holder"] for entry in page["entries"]] == [
        each.name for each in sorted(logged, key=lambda each: each.start_time)
    ]


async def test_a_log_writes_page_and_consultation_alone(replicas: Replicas, database: Database) -> None:
    """Apart from its journal entry, a log changes two documents: the calendar page and the consultation."""
    await logged_at(replicas[0], TEN)
    entry = await database.collection("journal").find_one({})
    assert entry is not None
    assert sorted(each["name"].split("/")[0] for each in entry["entities"]) == ["consultations", "mentors"]
    assert {each["version"] for each in entry["entities"]} == {1}


async def test_a_confirmation_counts_once(replicas: Replicas, database: Database) -> None:
    """One confirmation repeated at two replicas, and other answers that come too late, count one session."""
    logged = await logged_at(replicas[0], TEN, STARTUP, OTHER_STARTUP)
    command = ConfirmConsultation(name=logged.name, startup=STARTUP, rating=5)
    repeats = (replicas[number % 2].confirm(command, new_context(request_id="yes")) for number in range(10))
    others = (replicas[number % 2].confirm(command, new_context()) for number in range(10))
    answers = await asyncio.gather(*repeats, *others, return_exceptions=True)
    refused = {answer.reason for answer in answers if isinstance(answer, Refusal)}
    assert refused <= {"ALREADY_ANSWERED"}
    assert len({answer.version for answer in answers if isinstance(answer, Consultation)}) == 1
    both = ConfirmConsultation(name=logged.name, startup=OTHER_STARTUP)
    assert (await replicas[1].confirm(both, new_context())).state is State.CONFIRMED
    [year] = await database.collection("mentor_years").find().to_list(None)
    [row] = MentorYear.model_validate({**year, "name": year["_id"]}).tallies
    assert (row.sessions, row.services, row.minutes, year["ratings"]) == (1, 2, 60, 1)


# --- scope ------------------------------------------------------------------------------------


async def test_a_mentor_logs_the_own_sessions_alone(replicas: Replicas) -> None:
    """A mentor logs for no other mentor, and learns nothing of what that mentor did."""
    await logged_at(replicas[0], TEN)
    assert (await replicas[0].log(log_of(span(-1, "10:00")), new_context(MENTOR))).mentor == MENTOR
    with pytest.raises(Denied):
        await replicas[0].log(log_of(TEN), new_context("mentors/m2"))


@pytest.mark.parametrize(
    ("scopes", "is_reached"), [((OWN_SPACE, SPACE), True), ((OWN_SPACE,), False), ((SPACE,), False), ((LONGTAN,), True)]
)
async def test_an_operator_logs_for_the_own_mentors_and_tenants(
    replicas: Replicas, scopes: tuple[str, ...], is_reached: bool
) -> None:
    """Both the mentor and one of the startups must be within the scopes of whoever logs for the mentor."""
    if is_reached:
        assert (await replicas[0].log(log_of(TEN), new_context(*scopes))).state is State.LOGGED
        return
    with pytest.raises(Denied):
        await replicas[0].log(log_of(TEN), new_context(*scopes))


async def test_a_founder_answers_for_the_own_startup_alone(replicas: Replicas) -> None:
    """In a session of two startups, a founder neither confirms nor disputes for the other, nor sees its answer."""
    records = replicas[0]
    logged = await logged_at(records, TEN, STARTUP, OTHER_STARTUP)
    mine = new_context(STARTUP)
    with pytest.raises(Denied):
        await records.confirm(ConfirmConsultation(name=logged.name, startup=OTHER_STARTUP), mine)
    dispute = DisputeConsultation(name=logged.name, startup=OTHER_STARTUP, dispute_reason="没有来")
    with pytest.raises(Denied):
        await records.dispute(dispute, new_context(STARTUP))
    secret = ConfirmConsultation(name=logged.name, startup=OTHER_STARTUP, rating=1, comment="不满意")
    await records.confirm(secret, new_context(OTHER_STARTUP))
    seen = await records.confirm(ConfirmConsultation(name=logged.name, startup=STARTUP, rating=5), new_context(STARTUP))
    assert [(service.rating, service.comment) for service in seen.services] == [(5, ""), (0, "")]


async def test_a_stranger_reaches_no_record(replicas: Replicas) -> None:
    """Every command on a record is refused alike to callers of another startup, mentor and space."""
    records = replicas[0]
    name = (await logged_at(records, TEN)).name
    stranger = ("startups/a9", "mentors/m9", "spaces/x9", "districts/220211")
    mask = UpdateMask(paths=("topic",))
    for call in (
        records.log(LogConsultation(name=name, mentor=MENTOR), new_context(*stranger)),
        records.correct(
            CorrectConsultation(name=name, record=RecordSpec(topic="别的"), update_mask=mask), new_context(*stranger)
        ),
        records.confirm(ConfirmConsultation(name=name, startup="startups/a9"), new_context(*stranger)),
        records.resolve(
            ResolveDispute(name=name, startup=STARTUP, resolution=Resolution.UPHELD), new_context(*stranger)
        ),
        records.add_evidence(AddEvidence(name=name, evidence=(document(),)), new_context(*stranger)),
        records.complete_next_step(CompleteNextStep(name=name), new_context(*stranger)),
    ):
        with pytest.raises(Denied) as refusal:
            await call
        assert refusal.value.reason == "OUT_OF_SCOPE"


async def test_a_note_is_read_by_its_mentor_alone(replicas: Replicas, store: MentorsStore) -> None:
    """Startup, space and district of a consultation reach neither its note nor the fact that there is none."""
    logged, notes = await logged_at(replicas[0], TEN), Notes(store)
    query = GetConsultationNote(name=f"{logged.name}/note")
    assert (await notes.get(query, new_context(MENTOR))).text == ""
    command = UpdateConsultationNote(name=query.name, text="再观察")
    written = await notes.update(command, new_context(MENTOR, request_id="write"))
    assert (written.text, written.version) == ("再观察", 1)
    assert await notes.update(command, new_context(MENTOR, request_id="write")) == written
    assert await notes.get(query, new_context(MENTOR)) == written
    for other in (STARTUP, SPACE, LONGTAN, "mentors/m2"):
        with pytest.raises(Denied):
            await notes.get(query, new_context(other))
        with pytest.raises(Denied):
            await notes.update(command, new_context(other))


# --- personal data ----------------------------------------------------------------------------

PLANTED = ("13904320001", "li.xiang@example.org", "李想本人", "私下说过")


async def test_personal_data_stays_in_its_documents(
    replicas: Replicas, store: MentorsStore, database: Database
) -> None:
    """What people write is found in the consultation and the note, and not in the journal, its facts, or the log."""
    records, notes = replicas[0], Notes(store)
    text = " ".join(PLANTED)
    record = record_of(TEN, **dict.fromkeys(("topic", "place", "problem", "advice", "result"), text))
    fields: dict[str, Any] = json.loads(record.model_dump_json())
    for item in (*fields["participants"], *fields["next_steps"]):
        item.update({key: text for key in ("display_name", "text") if key in item})
    record = RecordSpec.model_validate(fields)
    with capture_logs() as lines:
        proof = document().model_copy(update={"title": text})
        logged = await records.log(log_of(TEN, record=record, evidence=(proof,)), new_context())
        name = logged.name
        mask = UpdateMask(paths=("advice", "result"))
        await records.correct(CorrectConsultation(name=name, record=record, update_mask=mask), new_context())
        await records.confirm(ConfirmConsultation(name=name, startup=STARTUP, comment=text), new_context())
        await records.dispute(DisputeConsultation(name=name, startup=STARTUP, dispute_reason=text), new_context())
        await records.add_evidence(AddEvidence(name=name, evidence=(proof,)), new_context())
        await records.complete_next_step(CompleteNextStep(name=name), new_context())
        await notes.update(UpdateConsultationNote(name=f"{name}/note", text=text), new_context())
        await records.resolve(
            ResolveDispute(name=name, startup=STARTUP, resolution=Resolution.DISMISSED), new_context()
        )
        with pytest.raises(Taken):
            await records.log(log_of(TEN, record=record), new_context())
    documents = await everything(database, "consultations") + await everything(database, "consultation_notes")
    elsewhere = await everything(database, "journal", "mentor_years", "mentees", "calendars") + str(lines).encode()
    for planted in PLANTED:
        assert planted.encode() in documents
        assert planted.encode() not in elsewhere
        assert planted not in str(lines)
    assert len(lines) == 8


async def everything(database: Database, *collections: str) -> bytes:
    """Return all bytes of some collections; the bodies of facts are part of the journal's."""
    found = [await database.collection(name).find().to_list(None) for name in collections]
    assert all(found)
    return b"".join(bson.encode(document) for documents in found for document in documents)


async def test_the_journal_keeps_a_consultation_by_its_name(replicas: Replicas, database: Database) -> None:
    """A reply that may name people is in the journal as a name, and a repeat gets the document as it is by then."""
    first = await replicas[0].log(log_of(TEN), new_context(request_id="log"))
    entry = await database.collection("journal").find_one({})
    assert entry is not None
    assert entry["reply"] == {"kind": "Consultation", "name": first.name}
    await replicas[0].confirm(ConfirmConsultation(name=first.name, startup=STARTUP), new_context())
    again = await replicas[1].log(log_of(TEN), new_context(request_id="log"))
    assert (again.name, again.state) == (first.name, State.CONFIRMED)


async def test_fields_of_a_newer_version_survive(replicas: Replicas, database: Database) -> None:
    """Fields that this version does not know stay in the document of a consultation."""
    logged = await logged_at(replicas[0], TEN)
    collection = database.collection(CONSULTATIONS.collection)
    await collection.update_one({"_id": logged.name}, {"$set": {"mood": "good"}})
    await replicas[0].confirm(ConfirmConsultation(name=logged.name, startup=STARTUP), new_context())
    kept = await collection.find_one({"_id": logged.name})
    assert kept is not None
    assert (kept["mood"], kept["version"]) == ("good", 2)

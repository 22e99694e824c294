"""The audit finds every kind of damage; otherwise a run without findings would prove nothing."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, pairwise
from operator import itemgetter
from typing import Any

import pytest

from libs.api.hatchery.mentors.v1 import facts_pb2
from tests.faults.audit import audit
from tests.faults.audit_mentors import MESSAGES
from tests.faults.calls import Client, Ledger, version_of
from tests.faults.load import Load, today
from tests.faults.snapshot import Document, Snapshot, take_snapshot
from tests.support.processes import Cluster
from tests.support.publisher import operations, until_idle


@dataclass(slots=True)
class Recorded:
    """What a small load has left behind: the ledger and everything stored."""

    ledger: Ledger
    snapshot: Snapshot

    def find(self, collection: str, condition: Callable[[Document], object]) -> Document:
        """Return the first entity that meets a condition."""
        return next(row for row in self.snapshot.entities[collection].values() if condition(row))

    def entry(self, service: str, command: str) -> Document:
        """Return the first journal entry of a command or fact."""
        return next(entry for entry in self.snapshot.journals[service] if entry["command"].endswith(command))


@pytest.fixture(scope="module")
async def recorded(cluster: Cluster) -> Recorded:
    """A load without any fault."""
    replicas = {name: [cluster.start(name).address] for name in ("startups", "spaces", "mentors")}
    ledger = Ledger()
    async with Client(replicas, cluster.token(subject="load"), "load", ledger, seed=1) as client:
        load = Load(client, seed=1)
        await load.prepare(spaces=6, startups=20, mentors=3)
        await load.mentoring.log_over_the_end_of_a_week(load.known.startups[0])
        async with load.running():
            await load.progress(800, of_mentors=400)
    for name in replicas:
        async with operations(cluster, name) as service:
            await until_idle(service)
    return Recorded(ledger, await take_snapshot(cluster))


def has_code(row: Document) -> bool:
    """Whether a startup is a firm."""
    return row["credit_code"] is not None


def lose_entry(it: Recorded) -> None:
    it.snapshot.journals["spaces"].remove(it.entry("spaces", "RegisterTenant"))


def repeat_effect(it: Recorded) -> None:
    it.snapshot.journals["spaces"].append({**it.entry("spaces", "StartupRegistered"), "_id": "again"})


def lose_effect(it: Recorded) -> None:
    it.snapshot.journals["startups"].remove(it.entry("startups", "TenancyActivated"))


def lose_fact(it: Recorded) -> None:
    del it.snapshot.published["startups"][0]


def reorder_facts(it: Recorded) -> None:
    it.snapshot.published["spaces"].reverse()


def change_fact(it: Recorded) -> None:
    headers, body = it.snapshot.published["spaces"][0]
    it.snapshot.published["spaces"][0] = headers, body + b"?"


def change_reply(it: Recorded) -> None:
    it.entry("spaces", "CreateSpace")["reply"]["document"]["area_m2"] += 0.01


def undo_version(it: Recorded) -> None:
    it.find("startups.startups", lambda row: row["version"] > 1)["version"] -= 1


def lose_entity(it: Recorded) -> None:
    tenancies = it.snapshot.entities["spaces.tenancies"]
    del tenancies[next(iter(tenancies))]


def occupy_a_little_more(it: Recorded) -> None:
    it.find("spaces.spaces", lambda row: row["occupancy"])["occupancy"][-1]["area_m2"] += 0.01


def shrink_space(it: Recorded) -> None:
    it.find("spaces.spaces", lambda row: any(step["desks"] for step in row["occupancy"]))["desks"] = 0


def lose_stay(it: Recorded) -> None:
    it.find("spaces.occupants", lambda row: row["stays"])["stays"].pop()


def end_residency(it: Recorded) -> None:
    residency = it.find("startups.startups", lambda row: (row["residency"] or {}).get("state") == "CURRENT")[
        "residency"
    ]
    residency["state"] = "ENDED"


def forget_reported_stay(it: Recorded) -> None:
    it.find("startups.startups", lambda row: row["stays"])["stays"].pop()


def rename_projection(it: Recorded) -> None:
    it.find("spaces.occupants", lambda row: row["sequence"])["display_name"] = "another"


def share_credit_code(it: Recorded) -> None:
    first = it.find("startups.startups", has_code)
    it.find("startups.startups", lambda row: has_code(row) and row is not first)["credit_code"] = first["credit_code"]


def claim_that_a_code_fits(it: Recorded) -> None:
    row = it.find("startups.startups", lambda row: row["credit_code_check"] == "CHECK_DIGIT_DIFFERS")
    row["credit_code_check"] = "VALID"


def lose_correction(it: Recorded) -> None:
    # The last fact of a startup: a later one may undo what an earlier correction did.
    latest: dict[str, tuple[int, Document, str]] = {}
    for entry in it.snapshot.journals["startups"]:
        for fact in entry.get("facts", ()):
            latest[fact["subject"]] = max(
                (int(fact["sequence"]), entry, fact["type"]),
                latest.get(fact["subject"], (0, {}, "")),
                key=itemgetter(0),
            )
    entry = next(entry for _, entry, kind in latest.values() if kind.endswith("CreditCodeCorrected"))
    entry["facts"] = []


# --- mentors ----------------------------------------------------------------------------------


def is_booked(row: Document) -> bool:
    """Whether a consultation waits for its time."""
    return row["state"] in {"REQUESTED", "SCHEDULED"}


def is_confirmed(row: Document) -> bool:
    """Whether all startups of a consultation have confirmed it."""
    return {service["state"] for service in row["services"]} == {"CONFIRMED"}


def book_twice(it: Recorded) -> None:
    first = it.find("mentors.consultations", is_booked)
    mentor = first["mentor"]
    other = it.find(
        "mentors.consultations", lambda row: is_booked(row) and row["mentor"] == mentor and row is not first
    )
    other["start_time"], other["end_time"] = first["start_time"], first["end_time"]


def book_a_little_twice(it: Recorded) -> None:
    rows = [row for row in it.snapshot.entities["mentors.consultations"].values() if is_booked(row)]
    rows.sort(key=itemgetter("mentor", "start_time"))
    before, after = next((a, b) for a, b in pairwise(rows) if a["mentor"] == b["mentor"])
    before["end_time"] = after["start_time"] + timedelta(milliseconds=1)


def free_booked_time(it: Recorded) -> None:
    it.find("mentors.calendars", lambda row: row["entries"])["entries"].pop()


def occupy_cancelled_time(it: Recorded) -> None:
    ended = it.find("mentors.consultations", lambda row: row["state"] == "CANCELLED")
    entry = {"holder": ended["_id"], "person": ended["startups"][0]}
    page = it.find("mentors.calendars", lambda row: row["resource"] == ended["mentor"])
    page["entries"].append({**entry, "start": ended["start_time"], "end": ended["end_time"]})


def keep_old_time_on_page(it: Recorded) -> None:
    moved = it.find("mentors.consultations", lambda row: row["moves"] and is_booked(row))
    pages = it.snapshot.entities["mentors.calendars"].values()
    entry = next(entry for page in pages for entry in page["entries"] if entry["holder"] == moved["_id"])
    entry["start"], entry["end"] = moved["moves"][-1]["start_time"], moved["moves"][-1]["end_time"]


def tear_entry_over_two_pages(it: Recorded) -> None:
    holders: Counter[str] = Counter()
    for page in it.snapshot.entities["mentors.calendars"].values():
        for entry in page["entries"]:
            holders[entry["holder"]] += 1
            if holders[entry["holder"]] == 2:
                page["entries"].remove(entry)
                return
    pytest.fail("no consultation lasts over the end of a week")


def lose_page(it: Recorded) -> None:
    name = it.find("mentors.calendars", lambda row: row["entries"])["_id"]
    del it.snapshot.entities["mentors.calendars"][name]


def dispute_silently(it: Recorded) -> None:
    it.find("mentors.consultations", is_confirmed)["services"][0]["state"] = "DISPUTED"


def answer_before_the_log(it: Recorded) -> None:
    it.find("mentors.consultations", is_booked)["services"][0]["state"] = "CONFIRMED"


def count_minutes_twice(it: Recorded) -> None:
    it.find("mentors.mentor_years", lambda row: row["tallies"])["tallies"][0]["minutes"] *= 2


def count_unappointed_session(it: Recorded) -> None:
    row = it.find("mentors.consultations", lambda row: is_confirmed(row) and not row["appointed"])
    row["appointed"] = True


def forget_place(it: Recorded) -> None:
    it.find("mentors.mentor_years", lambda row: row["places"])["places"].pop()


def change_sum(it: Recorded) -> None:
    it.find("mentors.mentor_years", lambda row: row["sessions"])["sessions"] += 1


def rate_twice(it: Recorded) -> None:
    it.find("mentors.mentor_years", lambda row: row["ratings"])["ratings"] += 1


def lose_year(it: Recorded) -> None:
    name = it.find("mentors.mentor_years", lambda row: row["sessions"])["_id"]
    del it.snapshot.entities["mentors.mentor_years"][name]


def count_session_twice(it: Recorded) -> None:
    row = it.find("mentors.mentees", lambda row: any(each["sessions"] for each in row["relations"]))
    next(each for each in row["relations"] if each["sessions"])["sessions"] += 1


def mistake_last_day(it: Recorded) -> None:
    row = it.find("mentors.mentees", lambda row: any(each["sessions"] for each in row["relations"]))
    next(each for each in row["relations"] if each["sessions"])["last_date"] += timedelta(days=1)


def forget_year_of_startup(it: Recorded) -> None:
    it.find("mentors.mentees", lambda row: row["years"])["years"].pop()


def lose_mentee(it: Recorded) -> None:
    name = it.find("mentors.mentees", lambda row: row["years"])["_id"]
    del it.snapshot.entities["mentors.mentees"][name]


def show_older_relation(it: Recorded) -> None:
    it.find("startups.startups", lambda row: row["relations"])["relations"][0]["sequence"] -= 1


def skip_change_of_relation(it: Recorded) -> None:
    it.find("mentors.mentees", lambda row: row["relations"])["relations"][0]["sequence"] += 1


def publish_older_relation(it: Recorded) -> None:
    mentee = it.find("mentors.mentees", lambda row: row["relations"])
    mentor, sequence = (mentee["relations"][0][field] for field in ("mentor", "sequence"))

    def is_last(kind: str, body: bytes) -> bool:
        fact = MESSAGES[kind].FromString(body) if kind in MESSAGES else facts_pb2.ConsultationConfirmed()
        return (fact.startup, fact.mentor, fact.relation_sequence) == (mentee["_id"], mentor, sequence)

    published = it.snapshot.published["mentors"]
    published[:] = [(headers, body) for headers, body in published if not is_last(headers["ce-type"], body)]


def give_certificate_number_twice(it: Recorded) -> None:
    one, other = islice(it.snapshot.entities["mentors.mentors"].values(), 2)
    other["appointments"][0]["certificate_number"] = one["appointments"][0]["certificate_number"]


def rename_startup_in_mentors(it: Recorded) -> None:
    it.find("mentors.startups", lambda row: row["sequence"])["display_name"] = "another"


def forget_space_in_mentors(it: Recorded) -> None:
    spaces = it.snapshot.entities["mentors.spaces"]
    del spaces[next(iter(spaces))]


def invent_startup_in_mentors(it: Recorded) -> None:
    it.snapshot.entities["mentors.startups"]["startups/invented"] = {"version": 1}


def lose_residence(it: Recorded) -> None:
    residences = it.snapshot.entities["mentors.residences"]
    del residences[next(iter(residences))]


def lose_stay_in_mentors(it: Recorded) -> None:
    it.find("mentors.residences", lambda row: row["stays"])["stays"].pop()


def change_personal_reply(it: Recorded) -> None:
    sent = next(sent for sent in it.ledger.sent if sent.method == "LogConsultation" and sent.reply is not None)
    it.snapshot.entities["mentors.consultations"][sent.reply.name]["version"] = version_of(sent.reply)
    it.snapshot.entities["mentors.consultations"][sent.reply.name]["topic"] = "another"


def park_fact(it: Recorded) -> None:
    it.snapshot.parked["spaces"].append({"_id": "startups-1", "error": "a reason"})


#: Each kind of damage, with a word of the finding that must report it.
DAMAGES: tuple[tuple[Callable[[Recorded], Any], str], ...] = (
    (lose_entry, "acknowledged and is not in the journal"),
    (repeat_effect, "which no service published"),
    (lose_effect, "never handled"),
    (lose_fact, "never published"),
    (reorder_facts, "after version"),
    (change_fact, "otherwise than it is in the journal"),
    (change_reply, "area_m2"),
    (undo_version, "journal entries name it"),
    (lose_entity, "does not exist"),
    (occupy_a_little_more, "its steps have"),
    (shrink_space, "are occupied"),
    (lose_stay, "not the periods"),
    (end_residency, "has the residency"),
    (forget_reported_stay, "latest states"),
    (rename_projection, "its projection has"),
    (share_credit_code, "have the same credit code"),
    (claim_that_a_code_fits, "has the check"),
    (lose_correction, "credit code"),
    (book_twice, "have the same time"),
    (book_a_little_twice, "have the same time"),
    (free_booked_time, "not the consultations of its week"),
    (occupy_cancelled_time, "not the consultations of its week"),
    (keep_old_time_on_page, "not the consultations of its week"),
    (tear_entry_over_two_pages, "not the consultations of its week"),
    (lose_page, "a consultation occupies it"),
    (dispute_silently, "its startups say"),
    (answer_before_the_log, "and a startup has answered"),
    (count_minutes_twice, "its tallies are"),
    (count_unappointed_session, "its tallies are"),
    (forget_place, "its places are not"),
    (change_sum, "not the sums of its tallies"),
    (rate_twice, "its ratings are"),
    (lose_year, "consultations of it are confirmed"),
    (count_session_twice, "its relation to"),
    (mistake_last_day, "its last consultation with"),
    (forget_year_of_startup, "its years are not"),
    (lose_mentee, "confirmed consultations and no relations"),
    (show_older_relation, "shows the relations"),
    (publish_older_relation, "mentors has the relations"),
    (skip_change_of_relation, "mentors has the relations"),
    (give_certificate_number_twice, "certificate numbers"),
    (rename_startup_in_mentors, "its projection in mentors"),
    (forget_space_in_mentors, "has no projection in mentors"),
    (invent_startup_in_mentors, "has a projection in mentors and does not exist"),
    (lose_residence, "that mentors does not know"),
    (lose_stay_in_mentors, "its stays in mentors"),
    (change_personal_reply, "topic: the reply has"),
    (park_fact, "is parked"),
)


async def test_a_load_without_faults_has_no_findings(recorded: Recorded) -> None:
    """Where nothing was killed, the audit finds nothing."""
    assert audit(recorded.snapshot, recorded.ledger, today()) == []


@pytest.mark.parametrize(("damage", "finding"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
async def test_damage_is_found(recorded: Recorded, damage: Callable[[Recorded], Any], finding: str) -> None:
    """The audit reports the damage."""
    damaged = Recorded(recorded.ledger, copy.deepcopy(recorded.snapshot))
    damage(damaged)
    assert any(finding in found for found in audit(damaged.snapshot, damaged.ledger, today()))

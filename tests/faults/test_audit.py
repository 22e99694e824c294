"""The audit finds every kind of damage; otherwise a run without findings would prove nothing."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pytest

from tests.faults.audit import audit
from tests.faults.calls import Client, Ledger
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
    replicas = {name: [cluster.start(name).address] for name in ("startups", "spaces")}
    ledger = Ledger()
    async with Client(replicas, cluster.token(subject="load"), "load", ledger, seed=1) as client:
        load = Load(client, seed=1)
        await load.prepare(spaces=6, startups=20)
        async with load.running():
            await load.progress(800)
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
    it.find("startups", lambda row: row["version"] > 1)["version"] -= 1


def lose_entity(it: Recorded) -> None:
    del it.snapshot.entities["tenancies"][next(iter(it.snapshot.entities["tenancies"]))]


def occupy_a_little_more(it: Recorded) -> None:
    it.find("spaces", lambda row: row["occupancy"])["occupancy"][-1]["area_m2"] += 0.01


def shrink_space(it: Recorded) -> None:
    it.find("spaces", lambda row: any(step["desks"] for step in row["occupancy"]))["desks"] = 0


def lose_stay(it: Recorded) -> None:
    it.find("occupants", lambda row: row["stays"])["stays"].pop()


def end_residency(it: Recorded) -> None:
    residency = it.find("startups", lambda row: (row["residency"] or {}).get("state") == "CURRENT")["residency"]
    residency["state"] = "ENDED"


def forget_reported_stay(it: Recorded) -> None:
    it.find("startups", lambda row: row["stays"])["stays"].pop()


def rename_projection(it: Recorded) -> None:
    it.find("occupants", lambda row: row["sequence"])["display_name"] = "another"


def share_credit_code(it: Recorded) -> None:
    first = it.find("startups", has_code)
    it.find("startups", lambda row: has_code(row) and row is not first)["credit_code"] = first["credit_code"]


def claim_that_a_code_fits(it: Recorded) -> None:
    row = it.find("startups", lambda row: row["credit_code_check"] == "CHECK_DIGIT_DIFFERS")
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

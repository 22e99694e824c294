"""What any release stored can be read for ever: facts, documents, and the replies in the journal."""

import re
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from libs.common.domain.errors import Invalid
from libs.common.messaging.cloud_events import read_sequence, read_time, write_headers
from libs.common.messaging.subscription import Subscription
from libs.common.rpc.mapping import decode
from libs.common.store import journal
from libs.common.store.schema import from_document
from tests.contracts.contract import SERVICES
from tests.contracts.stored_examples import (
    AT,
    CONTEXT,
    Stored,
    fact_as_json,
    fact_messages,
    schemas,
    stored_documents,
    stored_facts,
)
from tests.support.subscriptions import subscriptions_of

MESSAGES = {kind.DESCRIPTOR.full_name: kind for service in SERVICES for kind in fact_messages(service)}
SUBSCRIPTIONS = {
    f"{service}-{each.message.__name__}": each
    for service in SERVICES
    for subscriptions in subscriptions_of(service).values()
    for each in subscriptions
}
SCHEMAS = {str(stored): stored for stored in schemas()}
FACTS, DOCUMENTS, ENTRIES = stored_facts(), stored_documents("documents"), stored_documents("journal")


def newest(stored: dict[tuple[str, str], Any]) -> dict[str, Any]:
    """Return the examples of the last release that stored each."""
    return {name: example for (_, name), example in stored.items()}


def contains(held: Any, stored: Any) -> bool:
    """Whether a document still holds everything that was stored, whatever it holds besides."""
    if isinstance(stored, dict):
        return all(key in held and contains(held[key], value) for key, value in stored.items())
    if isinstance(stored, list):
        return len(held) == len(stored) and all(map(contains, held, stored))
    return bool(held == stored)


# --- everything is stored ---------------------------------------------------------------------


def test_everything_is_stored() -> None:
    """Every fact and every entity has an example, and what was once stored still exists.

    `python -m tests.contracts.stored_examples` stores what is missing.
    """
    assert newest(FACTS).keys() == MESSAGES.keys()
    assert newest(DOCUMENTS).keys() == newest(ENTRIES).keys() == SCHEMAS.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_the_newest_example_of_a_fact_is_complete(service: str) -> None:
    """The example of a fact holds every field that its message has today."""
    for kind in fact_messages(service):
        raw, _ = newest(FACTS)[kind.DESCRIPTOR.full_name]
        assert {field.name for field, _ in kind.FromString(raw).ListFields()} == set(kind.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("stored", SCHEMAS.values(), ids=str)
def test_the_newest_example_of_a_document_is_complete(stored: Stored) -> None:
    """The example of an entity has a value in every field, and is stored as it would be today."""
    entity = stored.example()
    fields = [name for name, field in type(entity).model_fields.items() if not field.exclude]
    assert [name for name in fields if getattr(entity, name) in (None, "", 0, ())] == []
    assert shape(stored.schema.to_document(entity)) == shape(newest(DOCUMENTS)[str(stored)])


def shape(value: Any) -> Any:
    """Return the keys of a document at every depth."""
    if isinstance(value, dict):
        return {key: shape(held) for key, held in value.items()}
    return [shape(value[0])] if isinstance(value, list | tuple) and value else None


# --- everything is read -----------------------------------------------------------------------


@pytest.mark.parametrize(("release", "name"), FACTS)
def test_facts_are_read_as_they_were_written(release: str, name: str) -> None:
    """The bytes of a fact say what they said when they were stored, and every field of them is still known."""
    raw, said = FACTS[release, name]
    message = MESSAGES[name].FromString(raw)
    assert said
    assert contains(fact_as_json(message), said)
    assert len(UnknownFieldSet(message)) == 0


@pytest.mark.parametrize("subscription", SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS.keys())
def test_subscribers_read_stored_facts(subscription: Subscription) -> None:
    """A subscriber reads all that it needs from the facts of every release."""
    for (_, name), (raw, said) in FACTS.items():
        if name == subscription.type:
            payload = decode(subscription.message.FromString(raw), subscription.payload)
            needed = {field: getattr(payload, field) for field in type(payload).model_fields.keys() - {"sequence"}}
            assert needed.keys() <= said.keys()
            assert {field: str(value) for field, value in needed.items()} == {
                field: as_text(subscription.message.DESCRIPTOR.fields_by_name[field], said[field]) for field in needed
            }


def as_text(field: Any, value: Any) -> str:
    """Return a date as people write it, an enum's value as a domain spells it, and anything else as it is."""
    if field.enum_type:
        return str(value).removeprefix(re.sub(r"\B(?=[A-Z])", "_", field.enum_type.name).upper() + "_")
    return f"{value['year']:04}-{value['month']:02}-{value['day']:02}" if isinstance(value, dict) else str(value)


@pytest.mark.parametrize(("release", "name"), DOCUMENTS)
def test_documents_are_read_as_they_were_written(release: str, name: str) -> None:
    """A stored document becomes an entity that holds everything that was stored, and writes it back."""
    document, schema = DOCUMENTS[release, name], SCHEMAS[name].schema
    entity = from_document(schema.kind, dict(document))
    assert (entity.name, entity.etag) == (document["_id"], f"v{document['version']}")
    assert contains(comparable(schema.to_document(entity)), comparable(document))


def comparable(document: dict[str, Any]) -> Any:
    """Return a document without its sort keys, which may be computed differently, and with lists as lists."""
    return {key: as_lists(value) for key, value in document.items() if key != "sort_keys"}


def as_lists(value: Any) -> Any:
    """Return the value with tuples as lists, as the database returns them."""
    if isinstance(value, dict):
        return {key: as_lists(held) for key, held in value.items()}
    return [as_lists(held) for held in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(("release", "name"), ENTRIES)
def test_journal_entries_answer_repeats(release: str, name: str) -> None:
    """A repeat of a command of any release finds its reply; another request under the same id is refused."""
    entry, stored = dict(ENTRIES[release, name]), SCHEMAS[name]
    kinds = {each.schema.kind: each.schema for each in schemas() if each.service == stored.service}
    assert entry["_id"] == CONTEXT.entry_id
    journal.ensure_same_request(entry, CONTEXT)
    key = journal.reply_by_name(entry, kinds)
    if key is not None:
        assert stored.schema.personal
        assert key == (stored.schema.kind, entry["reply"]["name"])
    else:
        reply = journal.stored_reply(entry, kinds)
        assert contains(comparable(stored.schema.to_document(reply)), comparable(entry["reply"]["document"]))
    entry["digest"] = b"another"
    with pytest.raises(Invalid):
        journal.ensure_same_request(entry, CONTEXT)


@pytest.mark.parametrize(("release", "name"), ENTRIES)
def test_journal_entries_can_be_published(release: str, name: str) -> None:
    """The relay publishes the facts in an entry of any release, under the same id each time."""
    entry = ENTRIES[release, name]
    headers = write_headers("spaces", entry, 0)
    assert headers["Nats-Msg-Id"] == headers["ce-id"] == f"{CONTEXT.entry_id}.0"
    assert read_time(headers) == AT
    assert read_sequence(headers) == entry["facts"][0]["sequence"]
    kind: type[Message] = MESSAGES[headers["ce-type"]]
    assert kind.FromString(bytes(entry["facts"][0]["body"])).ListFields()

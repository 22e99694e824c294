"""Personal kinds: nothing of their content enters the journal, and a repeat answers with the document as it is."""

from functools import partial

import bson
import pytest

from libs.common.domain.entity import Change
from libs.common.domain.errors import Denied, NotFound
from libs.common.rpc.context import CallContext
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import Contact, HallsStore, new_halls_store, new_name
from tests.common.store.batches import commit_together
from tests.support.store_fixtures import new_context, running

PLANTED = ("138-0000-1234", "139-0000-5678")


async def add_contact(store: HallsStore, name: str, ctx: CallContext, phone: str = PLANTED[0]) -> Contact:
    """Store a contact."""
    new = Contact(name=name, hall="halls/1", phone=phone)
    return await store.commit(ctx, decide=lambda: Change(new, saves=(new,)))


async def change_phone(store: HallsStore, name: str, ctx: CallContext, phone: str = PLANTED[1]) -> Contact:
    """Change a contact."""

    def decide(contact: Contact) -> Change[Contact]:
        return Change(changed := contact.with_(phone=phone), saves=(changed,))

    return await store.commit(ctx, Load(Contact, name), decide=decide)


async def remove_contact(store: HallsStore, name: str, ctx: CallContext) -> Contact:
    """Remove a contact and reply with it."""

    def decide(contact: Contact) -> Change[Contact]:
        return Change(contact, removes=(contact,))

    return await store.commit(ctx, Load(Contact, name), decide=decide)


async def test_the_journal_holds_no_content(store: HallsStore, database: Database) -> None:
    """Creating, changing and removing personal data leaves its names and versions in the journal, and no value."""
    name = new_name("contacts")
    await add_contact(store, name, new_context())
    await change_phone(store, name, new_context())
    stored = await database.collection("contacts").find_one({"_id": name})
    assert stored is not None
    assert stored["phone"] == PLANTED[1]
    removed = await remove_contact(store, name, new_context())
    assert removed.phone == PLANTED[1]
    cursor = database.collection("journal").find({})
    entries = await cursor.to_list(None)
    assert sorted(entry["entities"][0]["version"] for entry in entries) == [1, 2, 3]
    assert [entry["reply"] for entry in entries] == [{"kind": "Contact", "name": name}] * 3
    for entry in entries:
        assert not any(value.encode() in bson.encode(entry) for value in (*PLANTED, "halls/1"))


async def test_a_repeat_gets_the_document_as_it_is(store: HallsStore) -> None:
    """A repeat of a command about personal data answers with the current document and changes nothing."""
    name, context = new_name("contacts"), partial(new_context, request_id="once")
    await add_contact(store, name, context())
    changed = await change_phone(store, name, new_context())
    assert await add_contact(store, name, context()) == changed
    assert (changed.phone, changed.version) == (PLANTED[1], 2)


async def test_a_repeat_in_the_same_batch(idle_store: HallsStore) -> None:
    """A repeat within the batch of the first command answers with what the batch has decided so far."""
    name, context = new_name("contacts"), partial(new_context, request_id="once")
    replies = await commit_together(
        idle_store,
        add_contact(idle_store, name, context()),
        change_phone(idle_store, name, new_context()),
        add_contact(idle_store, name, context()),
    )
    assert [(reply.phone, reply.version) for reply in replies] == [(PLANTED[0], 1), (PLANTED[1], 2), (PLANTED[1], 2)]


async def test_a_repeat_after_a_restart(database: Database) -> None:
    """A repeat at another process finds the document by the name in the journal, without loading it by itself."""
    name, context = new_name("contacts"), partial(new_context, request_id="once")
    async with running(new_halls_store(database)) as store:
        first = await add_contact(store, name, context())
    async with running(new_halls_store(database)) as store:
        assert await add_contact(store, name, context()) == first


async def test_a_repeat_after_the_removal_is_not_found(store: HallsStore) -> None:
    """Once the document is removed, a repeat is refused with the kind's reason and restores nothing."""
    name, context = new_name("contacts"), partial(new_context, request_id="once")
    await add_contact(store, name, context())
    await remove_contact(store, name, new_context())
    for _ in range(2):
        with pytest.raises(NotFound) as caught:
            await add_contact(store, name, context())
        assert (caught.value.reason, caught.value.metadata) == ("CONTACT_NOT_FOUND", {"name": name})


async def test_a_repeat_in_a_narrower_scope_is_refused(store: HallsStore) -> None:
    """A repeat whose token no longer reaches the document is refused."""
    name = new_name("contacts")
    await add_contact(store, name, new_context("halls/1", request_id="once"))
    with pytest.raises(Denied) as caught:
        await add_contact(store, name, new_context("halls/2", request_id="once"))
    assert caught.value.reason == "OUT_OF_SCOPE"

"""The commit loop: together, in order, each with its own answer, and only once it is durable."""

import asyncio
import math
from functools import partial
from typing import Any

import pytest

from libs.common.documents import Documents
from libs.common.errors import Exhausted, Invalid, NotFound, Precondition, Taken, TooLate, Unavailable
from libs.common.values import Change
from tests.common.halls import (
    Hall,
    Halls,
    add_desks,
    asked,
    entries,
    hall,
    kept,
    more_desks,
    new_name,
    open_hall,
    opened,
    running,
)
from tests.conftest import under_way


async def committed(documents: Documents, what: str = "Committed") -> int:
    """How many transactions the server has committed, or aborted."""
    status = await documents.database.command("serverStatus")
    return int(status["transactions"][f"total{what}"])


async def arrive_together(store: Halls, *commands: Any) -> list[Any]:
    """The answers of commands that all wait before the loop begins."""
    waiting = [asyncio.ensure_future(command) for command in commands]
    await asyncio.sleep(0)
    async with under_way(store.loop.run()):
        return await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(("commands", "transactions"), [(1, 1), (50, 1), (256, 1), (257, 2)])
async def test_what_arrives_together_commits_together(
    still: Halls, documents: Documents, commands: int, transactions: int
) -> None:
    """Commands that wait at the same time share one transaction, 256 of them at the most."""
    before = await committed(documents)
    names = [new_name() for _ in range(commands)]
    answers = await arrive_together(still, *(opened(still, name) for name in names))
    assert [answer.name for answer in answers] == names
    assert await committed(documents) - before == transactions
    assert await documents.collection("halls").count_documents({"version": 1}) == commands
    assert len(await entries(documents)) == commands


async def test_the_next_batch_gathers_while_one_is_committed(halls: Halls, documents: Documents) -> None:
    """What arrives while a batch is on its way goes together into the next one."""
    name, decided = new_name(), asyncio.Event()
    await opened(halls, name)
    before = await committed(documents)

    def decide(known: Hall) -> Change[Hall]:
        decided.set()
        return add_desks(known)

    first = asyncio.ensure_future(halls.commit(asked(), (Hall, name), decide=decide))
    await decided.wait()
    rest = await asyncio.gather(*(more_desks(halls, name) for _ in range(40)))
    assert (await first).desks == 1
    assert [answer.desks for answer in rest] == list(range(2, 42))
    assert await committed(documents) - before == 2


async def test_each_sees_what_the_ones_before_it_decided(still: Halls, documents: Documents) -> None:
    """Decisions of one batch run in the order in which they arrived, each on what the one before it left."""
    name = new_name()
    answers = await arrive_together(
        still, opened(still, name, desks=1), *(more_desks(still, name, more) for more in (2, 3, 4))
    )
    assert [(answer.desks, answer.version) for answer in answers] == [(1, 1), (3, 2), (6, 3), (10, 4)]
    document = await kept(documents, name)
    assert document is not None
    assert (document["desks"], document["version"]) == (10, 4)


async def test_a_refusal_fails_alone(still: Halls, documents: Documents) -> None:
    """What is refused changes nothing and is not recorded; those before and behind it go through."""
    name = new_name()
    answers = await arrive_together(
        still,
        opened(still, name, desks=1),
        more_desks(still, name, -5),
        more_desks(still, "spaces/nowhere"),
        more_desks(still, name),
    )
    assert isinstance(answers[1], Precondition)
    assert (answers[1].reason, answers[1].metadata) == ("NOT_ENOUGH_DESKS", {"desks": "1"})
    assert isinstance(answers[2], NotFound)
    assert (answers[2].reason, answers[2].metadata) == ("HALL_NOT_FOUND", {"name": "spaces/nowhere"})
    assert (answers[3].desks, answers[3].version) == (2, 2)
    assert len(await entries(documents)) == 2


async def repeated(store: Halls, documents: Documents, when: str, first: Any, again: Any) -> tuple[Any, Any]:
    """The answers of a command and of its repeat: in one batch, in a later one, or after a restart."""
    if when == "in one batch":
        one, two = await arrive_together(store, first(store), again(store))
        return one, two
    async with under_way(store.loop.run()):
        one = await first(store)
        await more_desks(store, one.name, 100)
        if when == "later":
            return one, (await asyncio.gather(again(store), return_exceptions=True))[0]
    async with running(documents) as anew:
        return one, (await asyncio.gather(again(anew), return_exceptions=True))[0]


WHEN = pytest.mark.parametrize("when", ["in one batch", "later", "after a restart"])


@WHEN
async def test_a_repeat_gets_the_first_answer(still: Halls, documents: Documents, when: str) -> None:
    """A request id that comes again changes nothing and is answered as the first time, whatever happened since."""
    name, identity = new_name(), "the-same"
    async with running(documents) as store:
        await opened(store, name, display_name="江城", code=name)
    ask = lambda store: more_desks(store, name, 3, asked(identity))  # noqa: E731
    first, second = await repeated(still, documents, when, ask, ask)
    assert first == second
    assert (first.desks, first.version) == (3, 2)
    document = await kept(documents, name)
    assert document is not None
    assert document["desks"] == (3 if when == "in one batch" else 103)


@WHEN
async def test_a_repeat_of_a_silent_command_is_silent(still: Halls, documents: Documents, when: str) -> None:
    """A command that answers nothing answers nothing again, and takes effect once."""
    name = new_name()
    async with running(documents) as store:
        await opened(store, name)

    def decide(known: Hall) -> Change[None]:
        return Change(None, saves=(known.with_(desks=known.desks + 1),))

    async def ask(store: Halls) -> None:
        await store.commit(asked("silent"), (Hall, name), decide=decide)

    if when == "in one batch":
        assert await arrive_together(still, ask(still), ask(still)) == [None, None]
    for _ in range(2):
        async with running(documents) as store:
            await asyncio.gather(ask(store), ask(store))
    document = await kept(documents, name)
    assert document is not None
    assert document["desks"] == 1


@WHEN
async def test_another_request_under_the_same_id_is_refused(still: Halls, documents: Documents, when: str) -> None:
    """A request id stands for one request: another body under it is refused, and changes nothing."""
    name = new_name()
    async with running(documents) as store:
        await opened(store, name)
    first, second = await repeated(
        still,
        documents,
        when,
        lambda store: more_desks(store, name, 3, asked("the-same", body="3")),
        lambda store: more_desks(store, name, 4, asked("the-same", body="4")),
    )
    assert first.desks == 3
    assert isinstance(second, Invalid)
    assert [(wrong.field, wrong.reason) for wrong in second.violations] == [("request_id", "REQUEST_ID_REUSED")]


async def test_request_ids_belong_to_their_caller(halls: Halls) -> None:
    """Two callers may use the same request id and mean two requests."""
    name = new_name()
    await opened(halls, name)
    await more_desks(halls, name, 1, asked("1", actor="one"))
    assert (await more_desks(halls, name, 1, asked("1", actor="other", body="?"))).desks == 2


async def test_a_refused_command_may_be_tried_again(halls: Halls) -> None:
    """A refusal is not remembered: the same request id is decided anew."""
    name, ask = new_name(), partial(asked, "again")
    await opened(halls, name)
    with pytest.raises(Precondition):
        await more_desks(halls, name, -1, ask())
    await more_desks(halls, name, 5)
    assert (await more_desks(halls, name, -1, ask())).desks == 4


async def test_a_unique_violation_fails_its_command_alone(still: Halls, documents: Documents) -> None:
    """Who wants what another holds is refused, in the batch or from before; the rest is committed."""
    async with running(documents) as store:
        await opened(store, new_name(), code="held")
    names = [new_name() for _ in range(6)]
    codes = ["a", "b", "a", "held", None, "c"]
    wanted = [opened(still, name, code=code) for name, code in zip(names, codes, strict=True)]
    answers = await arrive_together(still, *wanted)
    for answer in (answers[2], answers[3]):
        assert isinstance(answer, Taken)
        assert answer.reason == "CODE_TAKEN"
    assert [answer.code for answer in answers if isinstance(answer, Hall)] == ["a", "b", None, "c"]
    for name, answer in zip(names, answers, strict=True):
        assert bool(await kept(documents, name)) == isinstance(answer, Hall)
    assert len(await entries(documents)) == 5


async def test_many_unique_violations_are_found_together(still: Halls, documents: Documents) -> None:
    """Of a hundred codes half are held and a quarter asked for twice; three transactions refuse all who lose."""
    async with running(documents) as store:
        await asyncio.gather(*(opened(store, new_name(), code=f"h{number}") for number in range(50)))
    fresh = [f"f{number}" for number in range(25)]
    codes = [*(f"h{number}" for number in range(50)), *fresh, *fresh]
    aborted = await committed(documents, "Aborted")
    answers = await arrive_together(still, *(opened(still, new_name(), code=code) for code in codes))
    assert [type(answer) for answer in answers] == [Taken] * 50 + [Hall] * 25 + [Taken] * 25
    assert await documents.collection("halls").count_documents({}) == 75
    assert await committed(documents, "Aborted") - aborted == 2


async def test_what_was_given_up_in_a_batch_may_be_taken_in_it(still: Halls, documents: Documents) -> None:
    """A code that one command gives up is free for the next, even where the documents are written the other way."""
    one, two = new_name(), new_name()
    async with running(documents) as store:
        await opened(store, one, code="x")
        await opened(store, two)
    answers = await arrive_together(
        still, more_desks(still, two), more_desks(still, one, code=None), more_desks(still, two, code="x")
    )
    assert [(answer.code, answer.desks) for answer in answers] == [(None, 1), (None, 1), ("x", 2)]
    assert len(await entries(documents)) == 5


async def test_a_caller_who_gave_up_is_not_served(still: Halls, documents: Documents) -> None:
    """A command whose caller has gone before its batch began is dropped."""
    gone, there = new_name(), new_name()
    leaving = asyncio.ensure_future(opened(still, gone))
    await asyncio.sleep(0)
    leaving.cancel()
    (answer,) = await arrive_together(still, opened(still, there))
    assert answer.name == there
    assert [document["_id"] for document in await documents.collection("halls").find({}).to_list(None)] == [there]


async def test_a_caller_who_gives_up_too_late_finds_its_answer(halls: Halls, documents: Documents) -> None:
    """Once its batch has begun a command is committed, and its answer stands in the journal for the repeat."""
    name, decided = new_name(), asyncio.Event()
    await opened(halls, name)

    def decide(known: Hall) -> Change[Hall]:
        decided.set()
        return add_desks(known, 7)

    leaving = asyncio.ensure_future(halls.commit(asked("once"), (Hall, name), decide=decide))
    await decided.wait()
    leaving.cancel()
    again = await halls.commit(asked("once"), (Hall, name), decide=decide)
    assert (again.desks, again.version) == (7, 2)
    document = await kept(documents, name)
    assert document is not None
    assert document["desks"] == 7


async def test_past_the_deadline_nothing_is_begun(still: Halls, documents: Documents) -> None:
    """A command whose deadline passed before its batch began is refused, and changes nothing."""
    late, name = new_name(), new_name()
    answers = await arrive_together(
        still,
        still.commit(asked(seconds=-1), decide=partial(open_hall, hall(late))),
        opened(still, name),
    )
    assert isinstance(answers[0], TooLate)
    assert answers[0].reason == "DEADLINE_EXCEEDED"
    assert answers[1].name == name
    assert await kept(documents, late) is None
    assert len(await entries(documents)) == 1


async def test_what_waits_is_bounded(documents: Documents) -> None:
    """Over the bound a command is refused at once, with a word on when to try again; the others are served."""
    async with running(documents, most_waiting=3) as store:
        names = [new_name() for _ in range(5)]
        answers = await asyncio.gather(*(opened(store, name) for name in names), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Hall, Hall, Hall, Exhausted, Exhausted]
        refused = answers[4]
        assert isinstance(refused, Exhausted)
        assert refused.reason == "TOO_BUSY"
        assert refused.retry_after
        assert refused.retry_after > 0
        assert (await opened(store, names[4])).name == names[4]


@pytest.mark.parametrize("together", [1, 3, 256])
async def test_a_batch_holds_no_more_than_it_may(documents: Documents, together: int) -> None:
    """So many commands as the setting says share a transaction, and none is left behind."""
    async with running(documents, most_together=together) as store:
        name = new_name()
        await opened(store, name)
        before = await committed(documents)
        answers = await asyncio.gather(*(more_desks(store, name) for _ in range(10)))
        assert [answer.desks for answer in answers] == list(range(1, 11))
        assert await committed(documents) - before == math.ceil(10 / together)


async def test_nothing_is_answered_before_it_is_durable(halls: Halls, witness: Any) -> None:
    """When a caller has its answer, a majority has the change and its entry, as another client sees."""

    async def ask(name: str) -> None:
        ask = asked()
        answer = await halls.commit(ask, decide=partial(open_hall, hall(name, desks=4)))
        document, entry = await asyncio.gather(
            witness["halls"].find_one({"_id": name}), witness["journal"].find_one({"_id": ask.entry_id})
        )
        assert (document["version"], document["desks"]) == (answer.version, 4)
        assert entry["entities"] == [{"name": name, "version": 1}]

    await asyncio.gather(*(ask(new_name()) for _ in range(60)))


async def test_close_refuses_what_waits(still: Halls, documents: Documents) -> None:
    """At a stop what still waits is refused with a word on when to try again, and changes nothing."""
    waiting = [asyncio.ensure_future(opened(still, new_name())) for _ in range(3)]
    await asyncio.sleep(0)
    await still.loop.close()
    for answer in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(answer, Unavailable)
        assert answer.reason == "STOPPING"
        assert answer.retry_after == 1.0
    assert await entries(documents) == []

"""What a commit logs carries the ids of its own call, however many calls share the batch."""

from typing import Any

from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from libs.common.domain.entity import Change
from libs.common.rpc.context import CallContext
from libs.common.store.command import Load
from libs.common.store.database import Database
from tests.common.sample_domain import Hall, HallsStore, commit_desks, commit_opening, new_halls_store, new_name
from tests.common.store.batches import commit_together
from tests.support.store_fixtures import new_context, running


def store_nonsense(hall: Hall) -> Change[Hall]:
    """Save a value that BSON has no type for."""
    return Change(changed := hall.with_(extra=object()), saves=(changed,))


def traced(number: int) -> CallContext:
    """Return the context of a call with a trace of its own."""
    return new_context(request_id=f"r{number}", traceparent=f"00-{number:032}-{'b' * 16}-01", command=f"test.C{number}")


async def test_a_failed_commit_names_its_call(idle_store: HallsStore, database: Database) -> None:
    """Of several defective commands in a batch, each is logged once with its own command, request id and trace id."""
    names = [new_name() for _ in range(12)]
    async with running(new_halls_store(database)) as store:
        for name in names:
            await commit_opening(store, name)
    defective = {2, 3, 9}
    commands: list[Any] = [
        idle_store.commit(traced(number), Load(Hall, name), decide=store_nonsense)
        if number in defective
        else commit_desks(idle_store, name, 1, traced(number))
        for number, name in enumerate(names)
    ]
    with capture_logs(processors=[merge_contextvars]) as lines:
        replies = await commit_together(idle_store, *commands)
    assert {number for number, reply in enumerate(replies) if isinstance(reply, Exception)} == defective
    assert {line["event"] for line in lines} == {"commit_failed"}
    found = sorted((line["command"], line["request_id"], line["trace_id"]) for line in lines)
    assert found == [(f"test.C{number}", f"r{number}", f"{number:032}") for number in sorted(defective)]


async def test_a_refusal_is_not_an_error(idle_store: HallsStore) -> None:
    """A command that is refused, or whose decision has a defect, leaves no line of the commit; its call has one."""
    with capture_logs() as lines:
        await commit_together(idle_store, commit_desks(idle_store, new_name()))
    assert lines == []

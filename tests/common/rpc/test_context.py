"""The context of a call: request ids, idempotency keys, digests and deadlines."""

import asyncio

import pytest

from libs.common.domain.errors import Invalid
from libs.common.rpc.context import call_context, digest, parse_request_id
from tests.common.sample_contract import halls
from tests.support.store_fixtures import new_context


@pytest.mark.parametrize("given", ["a", "A-z_0.9", "x" * 64])
def test_a_request_id_is_kept(given: str) -> None:
    """Letters, digits, dot, underscore and hyphen are accepted, up to 64."""
    assert parse_request_id(given) == given


def test_a_missing_request_id_is_made_up() -> None:
    """Without one, each call gets an id that no other has."""
    assert len({parse_request_id("") for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("given", "reason"),
    [("x" * 65, "TOO_LONG"), ("a b", "MALFORMED"), ("a/b", "MALFORMED"), ("a\n", "MALFORMED"), ("好", "MALFORMED")],
    ids=ascii,
)
def test_other_request_ids_are_refused(given: str, reason: str) -> None:
    """Anything else is refused at its field; a slash could collide with the key of a step."""
    with pytest.raises(Invalid) as caught:
        parse_request_id(given)
    (violation,) = caught.value.violations
    assert (violation.field, violation.reason) == ("request_id", reason)


async def test_a_key_belongs_to_caller_and_request() -> None:
    """The journal's key depends on the caller and the request id, on nothing else, and not on where one ends."""
    first = new_context(request_id="1", actor="mei")
    assert first.entry_id == new_context(request_id="1", actor="mei", command="other", digest=b"x").entry_id
    others = [new_context(request_id="2", actor="mei"), new_context(request_id="1", actor="li"), first.step("a")]
    assert len({ctx.entry_id for ctx in (first, *others, first.step("b"))}) == 5
    assert new_context(request_id="1", actor="a1").entry_id != new_context(request_id="11", actor="a").entry_id


def test_a_digest_covers_command_and_request() -> None:
    """Another request, or the same one to another command, has another digest."""
    request = halls.OpenHallRequest(display_name="A")
    assert digest("a.Open", request) == digest("a.Open", halls.OpenHallRequest(display_name="A"))
    assert digest("a.Open", request) != digest("a.Open", halls.OpenHallRequest(display_name="B"))
    assert digest("a.Open", request) != digest("a.Close", request)


async def test_remaining_time_counts_down() -> None:
    """What remains is counted on the event loop's clock and negative after the deadline."""
    now = asyncio.get_running_loop().time()
    assert 4.9 < new_context(deadline=now + 5).remaining() <= 5
    assert new_context(deadline=now - 5).remaining() < 0


async def test_a_step_keeps_the_call() -> None:
    """A step has the caller, command, deadline, scope and trace of its call."""
    ctx = new_context("halls/1", actor="mei", traceparent="00-t", unguarded=True)
    step = ctx.step("notify")
    for field in ("actor", "command", "deadline", "scope", "traceparent", "unguarded", "digest"):
        assert getattr(step, field) == getattr(ctx, field)
    assert step.request_id == f"{ctx.request_id}/notify"


def test_there_is_no_context_outside_of_a_call() -> None:
    """Code that is not called by the interceptor finds no context rather than another call's."""
    with pytest.raises(LookupError):
        call_context()

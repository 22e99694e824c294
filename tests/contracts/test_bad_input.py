"""Bad input is refused with the field's path and a documented reason; it breaks nothing and changes nothing."""

import asyncio

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from tests.contracts.bad_texts import for_people
from tests.contracts.bad_values import Bad, bad_values, value_at, with_value
from tests.contracts.calls import Calls, texts
from tests.contracts.contract import LISTS, METHODS, WRITES, Field, Method, fields
from tests.contracts.error_reasons import documented_for
from tests.contracts.requests import RunningContract, builders, new_request_id, service_contract, unfiltered, valid
from tests.contracts.snapshots import Snapshots

FIELDS = [field for method in METHODS for field in fields(method)]
PAIRS = [(method, other) for method in LISTS for other in LISTS if method.service == other.service]
FILTERED = [method for method in LISTS if len(list(fields(method))) > 2]
#: Not known before a list was read, and therefore not in its valid request.
TOKEN = "page_token"
MIB = 1 << 20
#: Calls of a sweep that are sent at the same time.
TOGETHER = 24

#: Bytes that are no message: an end group without its start, a length beyond the end, an unknown wire type, an endless
#: varint, groups nested without end, and text.
GARBAGE = (b"\x0c", b"\x0a\x7fab", b"\x0f", b"\xff" * 11, b"\x0b" * 200, b"{}")


def test_every_method_has_a_valid_request() -> None:
    """A new RPC is covered once its service's contract.py builds a valid request for it."""
    for service in {method.service for method in METHODS}:
        assert set(builders(service)) == {method.key for method in METHODS if method.service == service}


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_comments_and_field_behavior_agree(field: Field) -> None:
    """A field is annotated REQUIRED exactly if its comment says `Required`, and every text states its limit."""
    assert field.limits.required == field.has_required_behavior
    if field.descriptor.type == field.descriptor.TYPE_STRING:
        assert field.limits.max_characters, f"{field.descriptor.full_name} does not say `at most N characters`"


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_a_valid_request_succeeds(contract: RunningContract, method: Method) -> None:
    """The requests that the sweep starts from are good, with every field given."""
    given = await valid(contract, method)
    for field in fields(method):
        assert value_at(given.request, field.path) or field.path == TOKEN, f"{field} is not given"
    answer = await contract.calls.send(method, given.request)
    assert answer.reason == given.refused, str(answer)


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_bad_values_are_refused(contract: RunningContract, snapshots: Snapshots, method: Method) -> None:
    """Each bad value of each field is refused by its path and for a documented reason; all of them change nothing."""
    request, own = (await valid(contract, method)).request, service_contract(method.service).bad_values
    complaints: list[str] = []
    async with snapshots.unchanged():
        for field in fields(method):
            given = await page_token(contract.calls, method) if field.path == TOKEN else value_at(request, field.path)
            bad = list(bad_values(field, given, contract.names(), own.get(field.key, ())))
            for start in range(0, len(bad), TOGETHER):
                sent = [complaint(contract.calls, field, request, each) for each in bad[start : start + TOGETHER]]
                complaints += await asyncio.gather(*sent)
        assert not [line for line in complaints if line]


async def complaint(calls: Calls, field: Field, request: Message, bad: Bad) -> str:
    """Send a bad value; return what is wrong with the refusal."""
    method = field.method
    fresh = with_value(request, "request_id", new_request_id()) if method.writes else request
    answer = await calls.send(method, with_value(fresh, field.path, bad.value))
    if answer.code is StatusCode.OK and method.is_list and method.reply.FromString(answer.raw).ListFields():
        return f"{field.path} {bad.label}: finds something"
    found = bad.complaint(answer, documented_for(method.service))
    return f"{field.path} {found}" if found else ""


async def page_token(calls: Calls, method: Method) -> str:
    """Return the token of a list's second page."""
    return str((await calls.reply(method, with_value(unfiltered(method), "page_size", 1))).next_page_token)


@pytest.mark.parametrize(("method", "other"), PAIRS, ids=str)
async def test_a_page_token_fits_only_its_list(contract: RunningContract, method: Method, other: Method) -> None:
    """A page token is accepted by the list that it came from, and refused by every other."""
    token = await page_token(contract.calls, other)
    answer = await contract.calls.send(method, with_value(unfiltered(method), TOKEN, token))
    assert answer.violations == (() if method is other else ((TOKEN, "MALFORMED"),)), str(answer)


@pytest.mark.parametrize("method", FILTERED, ids=str)
async def test_a_page_token_fits_only_its_query(contract: RunningContract, method: Method) -> None:
    """A page token is refused by the same list with other filters or in another order."""
    token = await page_token(contract.calls, method)
    answer = await contract.calls.send(method, with_value((await valid(contract, method)).request, TOKEN, token))
    assert answer.violations == ((TOKEN, "MALFORMED"),), str(answer)


@pytest.mark.parametrize("method", WRITES, ids=str)
async def test_a_request_id_fits_only_its_request(
    contract: RunningContract, snapshots: Snapshots, method: Method
) -> None:
    """Another request under a request id that was used before is refused and changes nothing."""
    first, second = (await valid(contract, method)).request, (await valid(contract, method)).request
    again = with_value(second, "request_id", value_at(first, "request_id"))
    assert again != first
    await contract.calls.reply(method, first)
    async with snapshots.unchanged():
        answer = await contract.calls.send(method, again)
    assert answer.violations == (("request_id", "REQUEST_ID_REUSED"),), str(answer)


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_garbage_is_refused(contract: RunningContract, snapshots: Snapshots, method: Method) -> None:
    """Bytes that are no message of the method are bad input like any other."""
    async with snapshots.unchanged():
        for garbage in GARBAGE:
            answer = await contract.calls.send(method, garbage)
            bad = Bad(repr(garbage), garbage, "request", reasons=frozenset({"MALFORMED"}))
            assert not bad.complaint(answer, documented_for(method.service))


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_a_message_over_one_mib_is_refused(contract: RunningContract, method: Method) -> None:
    """A message of one byte more than 1 MiB is refused before it is read; one of 1 MiB is read."""
    unknown = b"\xfa\xff\xff\xff\x0f"  # field 536,870,911, which no message has, holding bytes
    for size, refused in ((MIB, False), (MIB + 1, True)):
        rest = size - len(unknown) - 3
        length = bytes((rest & 127 | 128, rest >> 7 & 127 | 128, rest >> 14))
        answer = await contract.calls.send(method, unknown + length + b"x" * rest)
        assert (answer.code is StatusCode.RESOURCE_EXHAUSTED) == refused, str(answer)


#: Texts that are accepted, with the form in which they are kept: scripts side by side, symbols, and radicals.
ACCEPTED = (
    ("吉林3D打印Lab（二期）№2 · ёлка Ω", "吉林3D打印Lab（二期）№2 · ёлка Ω"),
    ("\u2f00\u2ed3春μm", "一长春μm"),
    (" 江城 ", "江城"),
)


@pytest.mark.parametrize("method", WRITES, ids=str)
async def test_texts_for_people_may_mix_scripts(contract: RunningContract, method: Method) -> None:
    """A text for people may hold Chinese, Latin letters, digits and symbols; radicals become ideographs."""
    unanswered = service_contract(method.service).unanswered
    for field in fields(method):
        if f"{method.key}:{field.path}".startswith(unanswered):
            continue
        if not isinstance(value_at((await valid(contract, method)).request, field.path), str):
            continue
        for text, kept in ACCEPTED:
            request = (await valid(contract, method)).request
            if for_people(value_at(request, field.path)):
                assert kept in texts(await contract.calls.reply(method, with_value(request, field.path, text)))


def test_every_kind_of_number_would_be_swept() -> None:
    """A float, a double, bytes or a timestamp that is added to a request gets bad values by itself."""
    file = FileDescriptorProto(
        name="t.proto", package="t", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    message = file.message_type.add(name="M")
    for number, kind in enumerate(("TYPE_DOUBLE", "TYPE_FLOAT", "TYPE_BYTES", "TYPE_UINT64", "TYPE_BOOL"), 1):
        message.field.add(name=kind.lower(), number=number, type=FieldDescriptorProto.Type.Value(kind))
    message.field.add(
        name="at", number=9, type=FieldDescriptorProto.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp"
    )
    pool = DescriptorPool()
    Timestamp.DESCRIPTOR.file.CopyToProto(known := FileDescriptorProto())
    pool.Add(known)
    pool.Add(file)
    swept = {
        name: [bad.label for bad in bad_values(Field(METHODS[0], name, field), None, ())]
        for name, field in pool.FindMessageTypeByName("t.M").fields_by_name.items()
    }
    assert {"nan", "inf", "-inf", "1e+300"} <= set(swept["type_double"]) & set(swept["type_float"])
    assert swept["type_bytes"]
    assert swept["at"]

"""Bad input is refused with the field's path and a documented reason; it breaks nothing and changes nothing."""

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from tests.contracts.asks import STANDING, VALID, bare, valid
from tests.contracts.bad import Bad, bad_values, found, planted
from tests.contracts.contract import METHODS, Field, Method, fields
from tests.contracts.land import Land, request_id
from tests.contracts.town import Town

FIELDS = [field for method in METHODS for field in fields(method)]
TEXTS = [field for field in FIELDS if field.descriptor.type == field.descriptor.TYPE_STRING]
LISTS = [method for method in METHODS if method.pages]
PAIRS = [(method, other) for method in LISTS for other in LISTS if method.home == other.home]
#: Not to be known before a list was asked for, and so not given in a valid request.
TOKEN = "page_token"
MIB = 1 << 20

#: Bytes that are no message of any kind: an end without a start, a length beyond the end, a type of field that is
#: none, a number that never ends, groups within groups without end, and text.
GARBAGE = (b"\x0c", b"\x0a\x7fab", b"\x0f", b"\xff" * 11, b"\x0b" * 200, b"{}")


def test_every_method_has_a_valid_request() -> None:
    """A new RPC is swept with bad input only once the table says what a good request looks like."""
    assert set(VALID) == {method.descriptor.full_name for method in METHODS}


@pytest.mark.parametrize("field", TEXTS, ids=str)
def test_every_text_states_its_limit(field: Field) -> None:
    """Whoever calls can read in the proto how long a text may be."""
    assert field.limits.characters, f"{field.descriptor.full_name} says nowhere `at most N characters`"


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_a_valid_request_is_answered(land: Land, method: Method) -> None:
    """The requests that the sweep starts from are good ones, with every field given."""
    given = await valid(land, method)
    for field in fields(method):
        assert found(given.request, field.path) or field.path == TOKEN, f"{field} is not given"
    answer = await land.town.ask(method, given.request)
    assert answer.reason == STANDING.get(method.name, ""), str(answer)


@pytest.mark.parametrize("field", FIELDS, ids=str)
async def test_a_bad_value_is_refused(land: Land, reasons: frozenset[str], field: Field) -> None:
    """Each bad value of each field of each RPC is refused by its path and for a documented reason; nothing changes."""
    request = (await valid(land, field.method)).request
    given = found(request, field.path) if field.path != TOKEN else await token(land.town, field.method)
    await land.town.settled()
    before, wrong = land.town.kept(), []
    for bad in bad_values(field, given, land.names()):
        fresh = planted(request, "request_id", request_id()) if field.method.writes else request
        answer = await land.town.ask(field.method, planted(fresh, field.path, bad.value))
        listed = field.method.pages and answer.code is StatusCode.OK
        if listed and field.method.reply.FromString(answer.raw).ListFields():
            wrong.append(f"{bad.label}: finds something")
        wrong.append(bad.complaint(answer, reasons))
    assert not [line for line in wrong if line]
    assert land.town.kept() == before


async def token(town: Town, method: Method) -> str:
    """The token of a list's second page."""
    return str((await town.made(method, planted(bare(method), "page_size", 1))).next_page_token)


@pytest.mark.parametrize(("method", "other"), PAIRS, ids=str)
async def test_a_page_token_fits_only_its_list(land: Land, method: Method, other: Method) -> None:
    """A page token is taken by the list it came from, and refused by every other."""
    taken = await token(land.town, other)
    answer = await land.town.ask(method, planted(bare(method), TOKEN, taken))
    assert answer.violations == (() if method is other else ((TOKEN, "MALFORMED"),)), str(answer)


@pytest.mark.parametrize("method", [method for method in LISTS if len(list(fields(method))) > 2], ids=str)
async def test_a_page_token_fits_only_its_query(land: Land, method: Method) -> None:
    """A page token is refused when the same list is asked with other filters or in another order."""
    taken = await token(land.town, method)
    answer = await land.town.ask(method, planted((await valid(land, method)).request, TOKEN, taken))
    assert answer.violations == ((TOKEN, "MALFORMED"),), str(answer)


@pytest.mark.parametrize("method", [method for method in METHODS if method.writes], ids=str)
async def test_a_request_id_fits_only_its_request(land: Land, method: Method) -> None:
    """The same request id with another request is refused and changes nothing."""
    first, second = (await valid(land, method)).request, (await valid(land, method)).request
    again = planted(second, "request_id", found(first, "request_id"))
    for field in fields(method):
        if isinstance(text := found(again, field.path), str) and not text.isascii():
            again = planted(again, field.path, f"{text}二期")
    await land.town.made(method, first)
    await land.town.settled()
    before = land.town.kept()
    answer = await land.town.ask(method, again)
    assert answer.violations == (("request_id", "REQUEST_ID_REUSED"),), str(answer)
    assert land.town.kept() == before


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_garbage_is_refused(land: Land, reasons: frozenset[str], method: Method) -> None:
    """Bytes that are no message are bad input like any other."""
    before = land.town.kept()
    for garbage in GARBAGE:
        answer = await land.town.ask(method, garbage)
        assert not Bad(repr(garbage), garbage, "request").complaint(answer, reasons)
    assert land.town.kept() == before


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_a_message_over_one_mib_is_refused(land: Land, method: Method) -> None:
    """One byte more than 1 MiB is refused before it is read; 1 MiB is read."""
    unknown = b"\xfa\xff\xff\xff\x0f"  # field 536,870,911, which no message has, holding bytes
    for size, refused in ((MIB, False), (MIB + 1, True)):
        rest = size - len(unknown) - 3
        length = bytes((rest & 127 | 128, rest >> 7 & 127 | 128, rest >> 14))
        answer = await land.town.ask(method, unknown + length + b"x" * rest)
        assert (answer.code is StatusCode.RESOURCE_EXHAUSTED) == refused, str(answer)


@pytest.mark.parametrize("method", [method for method in METHODS if method.writes], ids=str)
async def test_chinese_and_latin_may_mix(land: Land, method: Method) -> None:
    """A text for people may hold Chinese, Latin letters and figures side by side."""
    for field in fields(method):
        given = found((await valid(land, method)).request, field.path)
        if isinstance(given, str) and not given.isascii():
            request = (await valid(land, method)).request
            answer = await land.town.ask(method, planted(request, field.path, "吉林3D打印Lab（二期）№2 · ёлка Ω"))
            assert answer.code is StatusCode.OK, f"{field} {answer}"


def test_numbers_with_fractions_would_be_swept_too() -> None:
    """A float, a double, bytes or an instant that appears in a request gets its bad values by itself."""
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
    assert {"nan", "inf", "-inf"} <= set(swept["type_double"]) & set(swept["type_float"])
    assert swept["type_bytes"]
    assert swept["at"]

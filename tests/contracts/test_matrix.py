"""The matrix: every RPC, for every role, with scopes that reach a thing, others or none, keeps to permissions.ROLES."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode

from libs.common.permissions import ANY, OWN, ROLES
from tests.contracts.asks import STANDING, Valid, bare, valid
from tests.contracts.bad import planted
from tests.contracts.contract import METHODS, Method, fields
from tests.contracts.land import Land
from tests.contracts.town import Answer, Town, bearer, method, texts

CASES = [(each, role) for each in METHODS for role in sorted(ROLES)]
OWNED = [(each, role) for each, role in CASES if ROLES[role].get(each.permission) is OWN]
LISTS = [(each, role) for each, role in CASES if each.pages and each.permission in ROLES[role]]
BATCHES = [(each, role) for each, role in OWNED if each.several and not each.pages]
#: The fields by which a request names what it is about.
NAMING = ("name", "names", "space")
NAMED = [
    (each, role)
    for each, role in OWNED
    if any(field.path in NAMING and field.is_whole for field in fields(each)) and not each.pages
]
EVERYTHING, NOTHING = ("*",), ()
DENIED = (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
OUT_OF_SCOPE = (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")


def token(town: Town, role: str, scopes: Sequence[str]) -> str:
    """The header of somebody in a role, narrowed to the scopes."""
    return bearer(town.world.token(role, scopes, "neighbour"))


def kinds_of_scopes(land: Land, given: Valid) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Scopes each of which reaches what is asked for, and scopes that do not."""
    return [EVERYTHING, *((scope,) for scope in given.own)], [land.foreign.scopes, NOTHING]


@pytest.mark.parametrize(("asked", "role"), CASES, ids=str)
async def test_a_role_does_what_the_table_says(land: Land, asked: Method, role: str) -> None:
    """What the role does not hold is denied; what it holds for ANY is answered; for OWN, where its scopes reach."""
    extent = ROLES[role].get(asked.permission)
    near, far = kinds_of_scopes(land, await valid(land, asked))
    shows_less = asked.pages and extent is OWN  # a list is answered, with nothing in it that is out of reach
    answered = 0 if extent is None else len(near + far) if extent is ANY or shows_less else len(near)
    for place in range(answered):
        given = await valid(land, asked)
        near, far = kinds_of_scopes(land, given)
        scopes = (near + far)[place]
        answer = await land.town.ask(asked, given.request, token(land.town, role, scopes))
        assert answer.reason == STANDING.get(asked.name, ""), f"{scopes}: {answer}"
    await is_refused(land, asked, role, (near + far)[answered:])


async def is_refused(land: Land, asked: Method, role: str, refused: Sequence[tuple[str, ...]]) -> None:
    """With each of these scopes the call is refused, tells nothing and changes nothing."""
    request = (await valid(land, asked)).request
    held = asked.permission in ROLES[role]
    await land.town.settled()
    before = land.town.kept()
    answers = await asyncio.gather(*(land.town.ask(asked, request, token(land.town, role, it)) for it in refused))
    for scopes, answer in zip(refused, answers, strict=True):
        assert (answer.code, answer.reason) == (OUT_OF_SCOPE if held else DENIED), f"{scopes}: {answer}"
        assert answer.metadata == ({} if held else {"permission": asked.permission})
        assert not told(answer) & known(land), f"{scopes}: {answer}"
    assert land.town.kept() == before


def known(land: Land) -> set[str]:
    """Every word of what stands in the home place."""
    words = {text for thing in (land.home.space, land.home.startup, land.home.tenancy) for text in texts(thing)}
    return {word for word in words if len(word) > 4}


def told(answer: Answer) -> set[str]:
    """Everything that a refusal says, with every part of it."""
    said = [answer.message, *answer.metadata.values(), *(path for path, _ in answer.violations)]
    return {word for line in said for word in (line, *line.split())}


@pytest.mark.parametrize(("asked", "role"), NAMED, ids=str)
async def test_what_is_out_of_reach_looks_like_what_is_not_there(land: Land, asked: Method, role: str) -> None:
    """Nobody learns by asking whether there is something that they may not see: both are refused in the same words."""
    given = await valid(land, asked)
    twin = given.mine[:-1] + ("0" if given.mine[-1] != "0" else "1")
    request = given.request.SerializeToString()
    absent = request.replace(given.mine.encode(), twin.encode())
    assert absent != request
    for scopes in (land.foreign.scopes, NOTHING):
        header = token(land.town, role, scopes)
        there, not_there = await asyncio.gather(*(land.town.ask(asked, it, header) for it in (request, absent)))
        assert there == not_there
        assert (there.code, there.reason) == OUT_OF_SCOPE


@pytest.mark.parametrize(("asked", "role"), BATCHES, ids=str)
async def test_a_batch_is_refused_for_one_out_of_reach(land: Land, asked: Method, role: str) -> None:
    """Several at once are given together or not at all: one of them out of reach and nothing is told of the others."""
    given = await valid(land, asked)
    for names in ([given.mine, given.theirs], [given.theirs, given.mine]):
        for scope in given.own:
            answer = await land.town.ask(asked, planted(given.request, "names", names), token(land.town, role, [scope]))
            assert (answer.code, answer.reason) == OUT_OF_SCOPE, str(answer)
            assert not told(answer) & known(land)


@pytest.mark.parametrize(("asked", "role"), LISTS, ids=str)
async def test_a_list_shows_what_is_within_reach(land: Land, asked: Method, role: str) -> None:
    """A list holds all that the caller may see and nothing else, page after page; where all is public, everything."""
    given = await valid(land, asked)
    places = {space.name: space for space in await listed(land.town, method("spaces", "ListSpaces"), land.town.admin)}
    everything = await listed(land.town, asked, land.town.admin)
    near, far = kinds_of_scopes(land, given)
    for scopes in near + far:
        shown = [thing.name for thing in await listed(land.town, asked, token(land.town, role, scopes))]
        wide = ROLES[role][asked.permission] is ANY or scopes is EVERYTHING
        assert shown == [thing.name for thing in everything if wide or reach(thing, places) & set(scopes)]
        assert (given.mine in shown) == (wide or scopes in near)
        assert (given.theirs in shown) == (wide or scopes == land.foreign.scopes)


async def listed(town: Town, asked: Method, header: str) -> list[Any]:
    """All that a list holds for somebody, page by page."""
    found: list[Any] = []
    ask = bare(asked)
    while True:
        answer = await town.ask(asked, ask, header)
        assert answer.code is StatusCode.OK, str(answer)
        page: Any = asked.reply.FromString(answer.raw)
        assert asked.several is not None
        found += getattr(page, asked.several.name)
        if not page.next_page_token:
            return found
        ask.page_token = page.next_page_token


def reach(thing: Any, places: Mapping[str, Message]) -> set[str]:
    """The scopes that reach a thing (decision 9): its own name and districts, or those of what it binds together."""
    known_fields = type(thing).DESCRIPTOR.fields_by_name
    own = {getattr(thing, name) for name in ("district", "zone") if name in known_fields}
    if "/tenancies/" not in thing.name:
        return own | {thing.name}
    space: Any = places[thing.name.partition("/tenancies/")[0]]
    return {space.name, space.district, space.zone, thing.startup}


@pytest.mark.parametrize(("asked", "role"), [case for case in OWNED if case[0].pages], ids=str)
async def test_a_filter_finds_nothing_out_of_reach(land: Land, asked: Method, role: str) -> None:
    """Who filters a list by what they may not see gets an empty page, as for what is not there."""
    request = (await valid(land, asked)).request
    assert [field for field in fields(asked) if field.path not in {"page_size", "page_token", "order_by"}]
    found: Any = await land.town.made(asked, request)
    assert asked.several is not None
    assert getattr(found, asked.several.name)
    for scopes in (land.foreign.scopes, NOTHING):
        answer = await land.town.ask(asked, request, token(land.town, role, scopes))
        assert (answer.code, answer.raw) == (StatusCode.OK, b""), f"{scopes}: {answer}"

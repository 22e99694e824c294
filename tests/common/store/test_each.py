"""Commands on several entities of one kind."""

from functools import partial

import pytest

from libs.common.domain.entity import Change
from libs.common.domain.errors import Denied, NotFound
from libs.common.store.command import each, optional_each
from tests.common.sample_domain import Hall, HallsStore, commit_opening, new_name
from tests.support.store_fixtures import new_context

Halls = tuple[Hall, ...]


def share_desks(halls: Halls) -> Change[None]:
    """Move a desk from the first hall to each of the others."""
    first, *others = halls
    saves = (first.with_(desks=first.desks - len(others)), *(hall.with_(desks=hall.desks + 1) for hall in others))
    return Change(None, saves=saves)


def open_missing(found: tuple[Hall | None, ...], names: tuple[str, ...]) -> Change[None]:
    """Open the halls that do not exist."""
    pairs = zip(names, found, strict=True)
    return Change(None, saves=tuple(Hall(name=name, desks=9) for name, hall in pairs if hall is None))


async def test_several_are_given_in_the_order_of_their_names(store: HallsStore) -> None:
    """A decision gets a tuple in the order in which the command names the entities."""
    names = sorted((new_name() for _ in range(3)), reverse=True)
    for name in names:
        await commit_opening(store, name, desks=5)
    await store.commit(new_context(*names), each(Hall, names, guard=True), decide=share_desks)
    assert [(await store.get(Hall, name, new_context())).desks for name in names] == [3, 6, 6]


async def test_one_that_is_missing_fails_the_command(store: HallsStore) -> None:
    """NotFound with the kind's reason and the missing name; nothing is stored."""
    await commit_opening(store, present := new_name(), desks=5)
    with pytest.raises(NotFound) as caught:
        await store.commit(new_context(), each(Hall, (present, absent := new_name())), decide=share_desks)
    assert (caught.value.reason, caught.value.metadata["name"]) == ("HALL_NOT_FOUND", absent)
    assert (await store.get(Hall, present, new_context())).desks == 5


async def test_all_must_be_in_scope_when_they_are_guards(store: HallsStore) -> None:
    """One of several guards out of scope is enough to refuse the command."""
    await commit_opening(store, mine := new_name(), desks=5)
    await commit_opening(store, other := new_name(), desks=5)
    with pytest.raises(Denied):
        await store.commit(new_context(mine), each(Hall, (mine, other), guard=True), decide=share_desks)


async def test_no_names_are_no_guard(store: HallsStore) -> None:
    """A guard over no entities protects nothing, so the command fails."""
    with pytest.raises(RuntimeError, match="names no guard"):
        await store.commit(new_context(), each(Hall, (), guard=True), decide=lambda _: Change(None))


async def test_missing_ones_are_none_when_they_are_optional(store: HallsStore) -> None:
    """The place of an optional entity that does not exist holds None."""
    names = (new_name(), new_name())
    await commit_opening(store, names[1], desks=5)
    decide = partial(open_missing, names=names)
    await store.commit(new_context(*names), optional_each(Hall, names, guard=True), decide=decide)
    assert [(await store.get(Hall, name, new_context())).desks for name in names] == [9, 5]

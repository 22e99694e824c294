"""Scopes: what a caller may reach."""

from typing import ClassVar

import pytest

from libs.common.domain.entity import Entity
from libs.common.domain.errors import Denied
from libs.common.rpc.scope import NOTHING, UNLIMITED, Scope
from tests.common.sample_domain import Hall


class Plot(Entity):
    """May lie outside of all zones."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "zone")

    zone: str = ""


@pytest.mark.parametrize(
    ("scopes", "name", "covered"),
    [
        ({"spaces/1"}, "spaces/1", True),
        ({"spaces/1"}, "spaces/1/tenancies/2", True),
        ({"spaces/1"}, "spaces/10", False),
        ({"spaces/1/tenancies/2"}, "spaces/1", False),
        ({"spaces"}, "spaces/1", True),
        ({"districts/220203"}, "spaces/1", False),
        (set(), "spaces/1", False),
    ],
    ids=str,
)
def test_a_scope_covers_what_is_below_it(scopes: set[str], name: str, covered: bool) -> None:
    """A scope covers the resource that it names and those below it, and nothing that only begins alike."""
    assert Scope(frozenset(scopes)).covers_name(name) is covered
    assert UNLIMITED.covers_name(name)


@pytest.mark.parametrize(
    ("scopes", "covered"),
    [({"halls/1"}, True), ({"districts/220203"}, True), ({"halls/2", ""}, False), (set(), False)],
    ids=str,
)
def test_an_entity_is_covered_by_its_fields(scopes: set[str], covered: bool) -> None:
    """An entity is in scope when one of the fields in its `scoped_by` is."""
    hall, scope = Hall(name="halls/1"), Scope(frozenset(scopes))
    assert scope.covers(hall) is covered
    assert UNLIMITED.covers(hall)
    assert not NOTHING.covers(hall)
    if covered:
        scope.ensure_in_scope(hall)
        return
    with pytest.raises(Denied) as caught:
        scope.ensure_in_scope(hall)
    assert (caught.value.reason, caught.value.metadata) == ("OUT_OF_SCOPE", {})


def test_an_empty_field_matches_nothing() -> None:
    """An entity outside of all zones is not in an empty scope, however that came about."""
    assert not Scope(frozenset({""})).covers(Plot(name="plots/1"))
    assert Scope(frozenset({"districts/220271"})).covers(Plot(name="plots/1", zone="districts/220271"))


class Round(Entity):
    """Belongs to several plots."""

    scoped_by: ClassVar[tuple[str, ...]] = ("plots",)

    plots: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("scopes", "covered"), [({"plots/2"}, True), ({"plots/3"}, False), ({""}, False), (set(), False)], ids=str
)
def test_one_item_of_several_is_enough(scopes: set[str], covered: bool) -> None:
    """An entity that belongs to several others is in scope when one of them is; none of them covers nothing."""
    scope = Scope(frozenset(scopes))
    assert scope.covers(Round(name="rounds/1", plots=("plots/1", "plots/2", ""))) is covered
    assert not scope.covers(Round(name="rounds/1"))

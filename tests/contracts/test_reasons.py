"""What the code refuses for is what integrators are told of."""

import re

import pytest

from tests.contracts.contract import ROOT
from tests.contracts.reasons import Use, documented, used, uses

#: Ways in which code gives a reason, each with the code it leaves with.
WAYS = {
    'raise NotFound("R", "it is not there")': "NOT_FOUND",
    'raise errors.Taken("R", "another has it")': "ALREADY_EXISTS",
    'HALLS = Collection(Hall, "halls", missing="R")': "NOT_FOUND",
    'HALLS = Index(("code",), taken="R")': "ALREADY_EXISTS",
    'raise Invalid.field("name", "R", "no name")': None,
    'raise wrong("R", "no name")': None,
    'def f():\n    reason = "R" if True else ""\n    raise Invalid.field("name", reason, "no name")': None,
    'ErrorInfo(reason="R", domain="hatchery")': "INTERNAL",
}


def test_every_reason_is_documented_and_no_other() -> None:
    """docs/errors.md lists the reasons that the code can give: no more, no fewer."""
    known, told = used(), documented()
    assert {reason: uses for reason, uses in known.items() if reason not in told} == {}
    assert set(told) - set(known) == set()


@pytest.mark.parametrize("reason", sorted(used()))
def test_a_reason_is_documented_with_its_code(reason: str) -> None:
    """A reason's row names the one code that it comes with; the reason of a field stands in the table of fields."""
    codes = {use.code.name if use.code else "" for use in used()[reason]}
    named = re.match(r" `([A-Z_]+)` \|", documented()[reason])
    assert codes == {named[1] if named else ""}


def test_a_reason_stands_in_one_row() -> None:
    """No reason is told of twice, for the two would come to say different things."""
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").partition("\n## Reasons of calls\n")[2]
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert len(rows) == len(set(rows)) == len(documented())


@pytest.mark.parametrize(("source", "code"), WAYS.items())
def test_a_new_reason_would_be_found(source: str, code: str | None) -> None:
    """However code gives a reason, it is found, so that the page cannot fall behind."""
    found: set[Use] = set(uses(source))
    assert {(use.reason, use.code.name if use.code else None) for use in found} == {("R", code)}

"""Types of resource names, codes and etags."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from libs.common.domain.names import Code, DistrictName, Etag, resource_name

DESK: TypeAdapter[str] = TypeAdapter(Annotated[str, resource_name("halls/{hall}/desks/{desk}")])


@pytest.mark.parametrize("name", ["halls/1/desks/2", f"halls/{'a' * 40}/desks/{'0' * 40}"])
def test_a_resource_name_has_its_pattern(name: str) -> None:
    """Each id of a name has 1 to 40 small letters and digits."""
    assert DESK.validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "halls/1",
        "halls/1/desks/",
        "halls//desks/2",
        "halls/A/desks/2",
        "halls/1/desks/2/",
        " halls/1/desks/2",
        "halls/1/desks/2\n",
        "halls/1/seats/2",
        "halls/-/desks/2",
        f"halls/{'a' * 41}/desks/2",
        "halls/ａ/desks/2",
    ],
    ids=ascii,
)
def test_other_names_are_refused(name: str) -> None:
    """A name of another kind, with other characters or longer ids is refused."""
    with pytest.raises(ValidationError):
        DESK.validate_python(name)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Etag, ["", "v0", "v123456789012345678"], ["3", "v", "v-1", "v1 ", "V1", "v" + "1" * 19]),
        (Code, ["", "new-materials", "a1", "6411"], ["New", "a--b", "-a", "a-", "a_b", "a" * 61]),
        (DistrictName, ["", "districts/220203"], ["220203", "districts/", "districts/22020", "districts/2202033"]),
    ],
    ids=["etag", "code", "district"],
)
def test_other_types_have_their_patterns(kind: Any, good: list[str], bad: list[str]) -> None:
    """Etags, codes and districts may be empty; anything else must have their form."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert [adapter.validate_python(text) for text in good] == good
    for text in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)

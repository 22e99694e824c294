"""What people write is kept as they meant it, and nothing that deceives the eye gets in."""

from datetime import UTC, date, datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from libs.common.errors import Invalid, Stale
from libs.common.values import Day, Entity, Fact, Line, Listing, Mask, Spec, Title, built, plain
from tests.common.halls import Hall, hall

TITLE: TypeAdapter[str] = TypeAdapter(Title)


class HallSpec(Spec):
    """What people may say of a hall."""

    required: ClassVar[tuple[str, ...]] = ("display_name", "operator")

    display_name: str = ""
    operator: str = ""
    desks: int = 0


class HallNoted(Fact):
    """Tells some of a hall's fields."""

    display_name: str
    desks: int


@pytest.mark.parametrize(
    "text",
    [
        "a\x00b",
        "a\nb",
        "a\u0085b",
        "a\u2028b",
        "safe\u202egnp",
        "\u2066a\u2069",
        "a\u061cb",
        "a\u200bb",
        "a\u00adb",
        "\ufeffa\ufeffb",
        "a\ue000",
        "a\U000e0041b",
        "\u3164",
        "\u115f",
        "\u1160",
        "\uffa0",
        "a\u0378b",
    ],
    ids=ascii,
)
def test_unseen_characters_are_refused(text: str) -> None:
    """Controls, marks of reading direction, blanks and letters that nobody sees are refused as such."""
    with pytest.raises(PydanticCustomError) as caught:
        plain(text)
    assert caught.value.type == "CONTROL_CHARACTER"


@pytest.mark.parametrize(
    "text",
    ["p\u0430ypal", "\u0420aypal", "p\u0332\u0430", "\u0430\u0332b", "\u0391pple", "caf\u00e9\u0430", "好 p\u0430y 好"],
    ids=ascii,
)
def test_alphabets_do_not_mix_in_a_word(text: str) -> None:
    """A word that mixes alphabets which look alike is refused, combining marks between the letters or not."""
    with pytest.raises(PydanticCustomError) as caught:
        plain(text)
    assert caught.value.type == "MIXED_SCRIPTS"


@pytest.mark.parametrize(
    "text",
    [
        "江城AI孵化器",
        "Jilin 碳纤维 (二期)",
        "β-Carotin · Москва",
        "Жилин и Ко",
        "می\u200cخواهم",
        "👩\u200d🔬 Labor",
        "カフェ",
        "한국",
        "नमस्ते",
        "½ m² № 7",
    ],
    ids=ascii,
)
def test_honest_names_are_kept(text: str) -> None:
    """Chinese with Latin, several alphabets in words of their own, joiners and signs are kept as they are."""
    assert plain(text) == text


@pytest.mark.parametrize(
    ("said", "kept"), [("  a ", "a"), ("cafe\u0301", "café"), ("\u3000江城\u3000", "江城"), ("", "")], ids=ascii
)
def test_one_form_is_kept(said: str, kept: str) -> None:
    """A text is trimmed and kept in one normal form, however it was typed."""
    assert plain(said) == kept


def test_the_limit_holds_for_what_is_kept() -> None:
    """A text that grows beyond its limit by its normal form is too long; the limit itself is not."""
    assert len(TITLE.validate_python("好" * 120)) == 120
    for text in ("\u0958" * 61, "x" * 121):
        with pytest.raises(ValidationError) as caught:
            TITLE.validate_python(text)
        assert caught.value.errors()[0]["type"] in {"TOO_LONG", "string_too_long"}
    assert len(TypeAdapter(Line).validate_python("\u0958" * 100)) == 200


@given(some.text(max_size=60))
def test_what_is_kept_is_kept_for_good(text: str) -> None:
    """What was accepted once is accepted again as it is."""
    try:
        kept = plain(text)
    except PydanticCustomError:
        return
    assert plain(kept) == kept


def test_a_mask_chooses_fields() -> None:
    """An update mask chooses its fields with their values, empty ones too; `*` chooses all."""
    spec = HallSpec(display_name="A", desks=3)
    assert spec.chosen(Mask(paths=("desks", "operator"))) == {"desks": 3, "operator": ""}
    assert spec.chosen(Mask(paths=("*",))) == {"display_name": "A", "operator": "", "desks": 3}
    assert spec.chosen(Mask(paths=())) == {}


@pytest.mark.parametrize("path", ["name", "required", "Desks", "", "desks.more", "__class__"])
def test_a_mask_names_known_fields_only(path: str) -> None:
    """A path that is no field of what people may say is refused at its place in the mask."""
    with pytest.raises(Invalid) as caught:
        HallSpec().chosen(Mask(paths=("desks", path)))
    (wrong,) = caught.value.violations
    assert (wrong.field, wrong.reason) == ("update_mask.paths[1]", "UNKNOWN_FIELD")


def test_what_is_required_is_asked_for_all_at_once() -> None:
    """Every required field that is empty is named, with its path in the request."""
    with pytest.raises(Invalid) as caught:
        HallSpec(desks=3).must_be_complete("hall")
    assert [wrong.field for wrong in caught.value.violations] == ["hall.display_name", "hall.operator"]
    HallSpec(display_name="A", operator="B").must_be_complete("hall")


@pytest.mark.parametrize(("size", "limit"), [(0, 50), (1, 1), (50, 50), (200, 200), (201, 200), (2**31 - 1, 200)])
def test_a_page_has_a_limit(size: int, limit: int) -> None:
    """0 stands for 50 on a page, more than 200 for 200."""
    assert Listing(page_size=size).limit == limit


def test_a_page_is_not_less_than_nothing() -> None:
    """A negative page size is refused."""
    with pytest.raises(ValidationError):
        Listing(page_size=-1)


@given(some.integers(0, 1000), some.text(max_size=20), some.one_of(some.none(), some.text(max_size=5)))
def test_a_changed_entity_is_what_a_validated_one_is(desks: int, title: str, code: str | None) -> None:
    """An entity that was changed without validation equals, dumps and hashes as one that was validated whole."""
    before = hall("halls/1", desks=1)
    after = before.with_(desks=desks, display_name=title, code=code)
    whole = Hall.model_validate({**before.model_dump(), "desks": desks, "display_name": title, "code": code})
    assert after == whole
    assert after.model_dump() == whole.model_dump()
    assert after.model_copy(update={"desks": 1}).desks == before.desks == 1
    assert (hash(after), repr(after)) == (hash(whole), repr(whole))


def test_a_built_value_is_what_a_validated_one_is() -> None:
    """A value that is built from known fields is as frozen as one that was validated, and equal to it."""
    fact = HallNoted.of(hall("halls/1", display_name="A", desks=3))
    assert fact == HallNoted(name="halls/1", display_name="A", desks=3)
    assert fact == built(HallNoted, {"name": "halls/1", "display_name": "A", "desks": 3})
    with pytest.raises(ValidationError):
        setattr(fact, "desks", 4)  # noqa: B010 - a plain assignment is what the types forbid already


def test_an_etag_guards_a_change() -> None:
    """A change decided on an older version is refused with the present one; no etag means no guard."""
    now: Entity = hall("halls/1").with_(version=3)
    now.must_match("")
    now.must_match("v3")
    with pytest.raises(Stale) as caught:
        now.must_match("v2")
    assert caught.value.metadata == {"name": "halls/1", "etag": "v3"}


def test_a_day_is_kept_at_midnight() -> None:
    """A day is kept as the instant at which it begins in UTC, for BSON knows no day."""
    day = date(2026, 2, 28)
    assert TypeAdapter(Day).dump_python(day) == datetime(2026, 2, 28, tzinfo=UTC)

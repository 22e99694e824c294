"""Texts that people enter are kept in one form, and nothing that deceives the eye is accepted."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from libs.common.domain.text import Line, Paragraphs, Title, fold, normalize

TITLE: TypeAdapter[str] = TypeAdapter(Title)
LINE: TypeAdapter[str] = TypeAdapter(Line)
PARAGRAPHS: TypeAdapter[str] = TypeAdapter(Paragraphs)


def refusal(text: str) -> PydanticCustomError:
    """Return why a text is refused."""
    with pytest.raises(PydanticCustomError) as caught:
        normalize(text)
    return caught.value


def from_block(first: int, last: int) -> list[str]:
    """Return the assigned characters of a block."""
    return [chr(code) for code in range(first, last + 1) if unicodedata.category(chr(code)) != "Cn"]


# --- what is accepted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "江城AI孵化器",
        "Jilin 碳纤维 (二期)",
        "松江碳材（集团）有限公司",
        "β-Carotin · Москва",
        "Жилин и Ко",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d🔬 Labor",
        "❤\ufe0f\u200d🔥",
        "1\ufe0f\u20e3 号",
        "葛\U000e0100飾",
        "カフェ",
        "한국",
        "नमस्ते",
        "½ m² № 7",
        "+",
        "🚀",
    ],
    ids=ascii,
)
def test_honest_names_are_kept(text: str) -> None:
    """Chinese with Latin, several alphabets in words of their own, joiners where they are needed, and signs pass."""
    assert normalize(text) == text


@pytest.mark.parametrize(
    ("given", "kept"),
    [("  a ", "a"), ("cafe\u0301", "café"), ("\u3000江城\u3000", "江城"), ("", ""), (" \u3000", ""), ("\u2126", "Ω")],
    ids=ascii,
)
def test_one_form_is_kept(given: str, kept: str) -> None:
    """A text is trimmed and composed (NFC), however it was typed."""
    assert normalize(given) == kept


@given(st.text(max_size=60))
def test_a_kept_text_is_accepted_again(text: str) -> None:
    """What was accepted once is accepted again as it is, and only an empty text is empty."""
    try:
        kept = normalize(text)
    except PydanticCustomError:
        return
    assert normalize(kept) == kept
    assert bool(kept) == bool(text.strip())


@given(
    st.text(
        st.characters(min_codepoint=32, max_codepoint=126) | st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
    )
)
def test_latin_and_chinese_always_pass(text: str) -> None:
    """Printable ASCII and common Chinese characters are only trimmed."""
    assert normalize(text) == text.strip()


# --- what cannot be seen ------------------------------------------------------------------------------------------


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
        "a\U000e0041b",
        "a\u3164",
        "\u115fa",
        "a\u2800b",
        "\ufffca",
        "Ac\u200dme",
        "Acme\u200c",
        "\u200dAcme",
        "长\u200d春",
        "10\u200d号",
        "Жи\u200cлин",
        "Acme\ufe0f",
        "\ufe0fAcme",
        "A \u034fB",
        "é\u034f",
    ],
    ids=ascii,
)
def test_unseen_characters_are_refused(text: str) -> None:
    """Controls, marks of reading direction, blanks, and joiners and selectors that change nothing are refused."""
    error = refusal(text)
    assert error.type == "CONTROL_CHARACTER"
    assert "U+" in error.message()


UNSEEN = [
    "\u200c",
    "\u200d",
    "\u200b",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u034f",
    "\u115f",
    "\u1160",
    "\u17b4",
    "\u180b",
    "\u180f",
    "\u2800",
    "\u3164",
    "\ufe00",
    "\ufe0f",
    "\uffa0",
    "\U000e0100",
    "\U0001d159",
    "\u202e",
    "\u0301",
    "\x00",
]


@pytest.mark.parametrize("text", UNSEEN, ids=ascii)
def test_a_name_is_visible(text: str) -> None:
    """A text without a visible letter, digit or sign is refused as such."""
    assert refusal(text).type == "INVISIBLE_TEXT"


@given(st.text(st.sampled_from([*UNSEEN, " ", "\u3000"]), min_size=1))
def test_characters_that_nobody_sees_do_not_add_up(text: str) -> None:
    """No combination of unseen characters makes a name; spaces alone make an empty one."""
    if text.strip():
        assert refusal(text).type == "INVISIBLE_TEXT"
    else:
        assert normalize(text) == ""


# --- rare and unknown characters ----------------------------------------------------------------------------------


@given(st.characters(min_codepoint=0x20000, max_codepoint=0x3FFFD, categories=None))
def test_every_ideograph_is_a_letter(letter: str) -> None:
    """The CJK planes hold ideographs, those that Python's Unicode tables lack among them."""
    if ord(letter) & 0xFFFE == 0xFFFE:
        assert refusal(letter).type == "PRIVATE_CHARACTER"
    else:
        assert normalize(f"{letter}科技") == unicodedata.normalize("NFC", f"{letter}科技")


def test_an_ideograph_of_unicode_15_is_a_letter() -> None:
    """U+3158E, which came with Unicode 15, is accepted by a Python with the tables of Unicode 14 too."""
    assert normalize("\U0003158e") == "\U0003158e"


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ("a\ue000", "U+E000", 2),
        ("\uf8ff", "U+F8FF", 1),
        (" 松江\U000f0000", "U+F0000", 3),
        ("松江\U0010fffd公司", "U+10FFFD", 3),
        ("a\u0378b", "U+0378", 2),
        ("a\ufdd0", "U+FDD0", 2),
        ("\ufffe", "U+FFFE", 1),
        ("a\U0001ffff", "U+1FFFF", 2),
        ("a\U0002fffe", "U+2FFFE", 2),
        ("a\U0010ffff", "U+10FFFF", 2),
        ("e\u0301\ue123", "U+E123", 3),
    ],
    ids=ascii,
)
def test_characters_unknown_to_others_are_named(text: str, name: str, place: int) -> None:
    """Private-use, noncharacter and unassigned code points are refused with their code and their place."""
    error = refusal(text)
    assert error.type == "PRIVATE_CHARACTER"
    assert error.message().startswith(f"character {place} is {name}, ")


# --- radicals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("⻓春", "长春"),
        ("⻋⻔⻛⻢⻥⻦⻩⻬⻰⻳", "车门风马鱼鸟黄齐龙龟"),
        ("⼀⼆⼈⼤⽂⽇⽉⽔⿓⿕", "一二人大文日月水龍龠"),
        ("⺁⺟⺠⺼⻣", "厂母民肉骨"),
        ("㇐㇑㇔", "一丨丶"),
    ],
    ids=ascii,
)
def test_radicals_become_characters(given: str, kept: str) -> None:
    """Radicals and strokes, which PDF files carry in place of characters, are kept as the characters."""
    assert normalize(given) == kept


def test_every_radical_becomes_a_character() -> None:
    """All 214 Kangxi and 115 supplementary radicals fold to ideographs, but for U+2E80, which equals none."""
    kangxi, supplement = from_block(0x2F00, 0x2FD5), from_block(0x2E80, 0x2EF3)
    assert (len(kangxi), len(supplement)) == (214, 115)
    for radical in (*kangxi, *supplement):
        is_ideograph = "\u3400" <= fold(radical) <= "\u9fff" or fold(radical) >= "\U00020000"
        assert is_ideograph == (radical != "\u2e80")


def test_folding_radicals_agrees_with_compatibility_forms() -> None:
    """Wherever NFKC folds a radical, it is folded to the same character."""
    for radical in (*from_block(0x2E80, 0x2EF3), *from_block(0x2F00, 0x2FD5)):
        compatible = unicodedata.normalize("NFKC", radical)
        assert compatible in {radical, fold(radical)}


# --- mixed alphabets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "p\u0430ypal",
        "\u0420aypal",
        "p\u0332\u0430",
        "\u0430\u0332b",
        "caf\u00e9\u0430",
        "好 p\u0430y 好",
        "\u13a0pple",
        "\u0555racle",
        "\u2c9eracle",
        "\ua4d0eta",
        "Ж\u03a9",
        "μ\u0430",
        "\u0391pple",
        "\u0391p\u03a1le",
        "g\u03bf\u03bfgle",
        "g\u03cc\u03ccgle",
        "\u03bdivo",
        "\u0392MW",
        "\u0396ara",
        "\u0397P",
        "\u039aia",
        "\u039cax",
        "\u039dike",
        "\u03a4esla",
        "\u03a5ahoo",
        "\u03a7erox",
        "p\u03b1ypal",
        "\u03b1pple",
        "\u03c1aypal",
        "\u03b3ahoo",
        "g\u03c3\u03c3gle",
        "\u03ba\u03b9a",
    ],
    ids=ascii,
)
def test_alphabets_do_not_mix_in_a_word(text: str) -> None:
    """A word is refused that mixes Latin with letters that may be taken for Latin, marks between them or not."""
    assert refusal(text).type == "MIXED_SCRIPTS"


@pytest.mark.parametrize(
    "text",
    [
        "μLED",
        "5μm",
        "µ\u0061",
        "ΔE",
        "kΩ",
        "10kΩ电阻",
        "α-Fe",
        "Kα",
        "TNFα",
        "IFNγ抗体",
        "NFκB",
        "αFe",
        "ΔG",
        "Σ公司",
        "λ-tech",
        "λx",
        "πBox",
        "sinθ",
        "α 粒子",
        "Ελλάδα",
        "Αθήνα Labs",
    ],
    ids=ascii,
)
def test_greek_letters_are_symbols(text: str) -> None:
    """Greek letters beside Latin ones pass where they are read as symbols, and Greek words beside Latin words."""
    assert normalize(text) == text


# --- limits -------------------------------------------------------------------------------------------------------


def test_the_limit_holds_for_what_is_kept() -> None:
    """A text that grows beyond its limit by its normal form is too long; the limit itself is not."""
    assert len(TITLE.validate_python("好" * 120)) == 120
    for text in ("\u0958" * 61, "x" * 121):
        with pytest.raises(ValidationError) as caught:
            TITLE.validate_python(text)
        assert caught.value.errors()[0]["type"] in {"TOO_LONG", "string_too_long"}
    assert len(LINE.validate_python("\u0958" * 100)) == 200


@pytest.mark.parametrize("kind", [TITLE, LINE, PARAGRAPHS], ids=["title", "line", "paragraphs"])
def test_the_types_normalize(kind: TypeAdapter[str]) -> None:
    """All types of text are kept in the normal form, and refused for the same reasons."""
    assert kind.validate_python(" ⻓春 ") == "长春"
    with pytest.raises(ValidationError) as caught:
        kind.validate_python("\u200d")
    assert caught.value.errors()[0]["type"] == "INVISIBLE_TEXT"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("一\r\n二\r三", "一\n二\n三"),
        ("\n\n  a \n\n\n\n b\n", "a\n\nb"),
        (" \n \n", ""),
        ("⻓\n\t⻔", "长\n门"),
    ],
)
def test_paragraphs_keep_their_lines(given: str, kept: str) -> None:
    """Lines stay apart, each in its normal form, with at most one empty line between two."""
    assert PARAGRAPHS.validate_python(given) == kept
    assert PARAGRAPHS.validate_python(kept) == kept


@pytest.mark.parametrize("refused", ["a\n\u202eb", "a\x0bb", "ok\nPаypal", "x" * 4001])
def test_each_line_of_paragraphs_is_checked(refused: str) -> None:
    """What a line may not hold, no line of a longer text may hold."""
    with pytest.raises(ValidationError):
        PARAGRAPHS.validate_python(refused)

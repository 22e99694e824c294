"""Types of text that people enter: stored in one normal form, and refused if readers could be deceived."""

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from libs.common.domain.errors import validation_error

# Most names. Every character of these ranges is visible, in its normal form, and of a script that resembles no other.
_ORDINARY = re.compile("[ -~\u00b7\u3001\u3002\u4e00-\u9fff\uff08\uff09]*")

# Equivalent_Unified_Ideograph (Unicode 16.0, EquivalentUnifiedIdeograph.txt): PDF files often carry radicals in place
# of the characters that look the same. Each text lists a block in order; a character without an equivalent stands for
# itself. For the Kangxi radicals the property agrees with NFKC.
_RADICALS_SUPPLEMENT = (  # from U+2E80
    "⺀厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑𫜹忄心扌攵⺚旡日月歺母民氵氺灬爫爫丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂"
    "肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
)
_STROKES = "㇀㇁㇂㇃㇄㇅𠃌㇇㇈㇉㇊㇋㇌㇍㇎乀一丨丿丿丶𠃍乛𠃊𠃎𠄌亅𡿨𠃋乀𠃑乚乙𠄎㇢㇣"  # from U+31C0
_UNIFIED = {
    **{0x2F00 + place: unicodedata.normalize("NFKC", chr(0x2F00 + place)) for place in range(214)},
    **{0x2E80 + place: ideograph for place, ideograph in enumerate(_RADICALS_SUPPLEMENT)},
    **{0x31C0 + place: ideograph for place, ideograph in enumerate(_STROKES)},
}

_CONTROLS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_UNKNOWN = frozenset({"Co", "Cn"})
# Letters and signs without a glyph: Hangul fillers, the blank Braille pattern, the null note head, blank hieroglyphs,
# and the placeholder of an embedded object.
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159\U00013441\U00013442\ufffc")
# ZWNJ and ZWJ: Persian and Indic words and emoji are spelled with them.
_JOINERS = frozenset("\u200c\u200d")
# Marks without a glyph, which choose how the character before them is drawn.
_SELECTORS = frozenset(
    chr(code)
    for code in (
        0x34F,
        0x17B4,
        0x17B5,
        *range(0x180B, 0x180E),
        0x180F,
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)

# Scripts whose letters resemble one another.
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
# Scripts that a joiner does not change.
_UNJOINED = _ALIKE | {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "FULLWIDTH", "HALFWIDTH"}
# Greek letters that are read as symbols anywhere, because no Latin letter looks like them.
_SYMBOLS = frozenset("ΓΔΘΛΞΠΣΦΨΩβδζθλμξπφψϑϕϖ")
# Greek letters that are symbols of quantities too, but look Latin within a lower-case word ("pαypal").
_NEAR_LATIN = frozenset("αγεηικρστυχω")


def fold(text: str) -> str:
    """Trim the text, compose it (NFC), and replace CJK radicals and strokes by the ideographs they look like."""
    return unicodedata.normalize("NFC", text.strip().translate(_UNIFIED))


def normalize(text: str) -> str:
    """Return the normal form in which a text is stored; an empty text stays empty.

    Refuses characters that readers cannot see or display (PRIVATE_CHARACTER, INVISIBLE_TEXT, CONTROL_CHARACTER) and
    words that mix alphabets whose letters look alike (MIXED_SCRIPTS). Greek letters beside Latin ones are accepted as
    symbols (μm, kΩ, TNFα), except those drawn like a Latin letter (Α, Ρ, ο, ν) and, next to lower-case Latin letters,
    those that nearly are (α, γ, ρ).
    """
    text = text.strip()
    if _ORDINARY.fullmatch(text):
        return text
    _refuse_unknown(text)
    text = fold(text)
    if not any(_category(letter)[0] in "LNPS" and letter not in _BLANKS for letter in text):
        raise validation_error("INVISIBLE_TEXT", "contains no visible letter, digit or symbol")
    _refuse_unseen(text)
    _refuse_mixed_scripts(text)
    return text


def _refuse_unknown(text: str) -> None:
    """Refuse the first private-use or unassigned character, or noncharacter."""
    for place, letter in enumerate(text, 1):
        if _category(letter) in _UNKNOWN:
            is_private = _category(letter) == "Co"
            kind = "for private use" if is_private else f"not assigned in Unicode {unicodedata.unidata_version}"
            raise validation_error(
                "PRIVATE_CHARACTER",
                f"character {place} is U+{ord(letter):04X}, which is {kind}; enter a character that others can display",
            )


def _refuse_unseen(text: str) -> None:
    """Refuse controls, blanks, and joiners and selectors where they change nothing that can be seen."""
    base = " "
    for letter in text:
        if letter in _JOINERS:
            unseen = base.isascii() or base.isspace() or _script(base) in _UNJOINED
        elif letter in _SELECTORS:
            unseen = base.isspace() or (base.isalpha() and _script(base) in _ALIKE)
        else:
            unseen = letter in _BLANKS or _category(letter) in _CONTROLS
            if _category(letter)[0] != "M":
                base = letter
        if unseen:
            raise validation_error(
                "CONTROL_CHARACTER", f"contains an invisible character (U+{ord(letter):04X}); remove it"
            )


def _refuse_mixed_scripts(text: str) -> None:
    """Refuse a word (a run of letters) that mixes scripts that look alike."""
    word = ""
    for letter in f"{text} ":
        kind = _category(letter)[0]
        if kind == "L":
            word += letter
        elif kind != "M":  # a mark belongs to the letter before it
            if _is_disguise(word):
                raise validation_error(
                    "MIXED_SCRIPTS",
                    "mixes alphabets that look alike in one word; use one of them, or set a symbol apart with a hyphen",
                )
            word = ""


def _is_disguise(word: str) -> bool:
    """Return whether letters of the word can be mistaken for letters of another alphabet."""
    if word.isascii():
        return False
    scripts = [_script(letter) for letter in word]
    mixed = _ALIKE.intersection(scripts)
    if mixed != {"LATIN", "GREEK"}:
        return len(mixed) > 1
    return any(script == "GREEK" and not _is_symbol(word, place) for place, script in enumerate(scripts))


def _is_symbol(word: str, place: int) -> bool:
    """Return whether the Greek letter at the place is read as a symbol within a word of Latin letters."""
    if word[place] in _NEAR_LATIN:
        beside = word[max(place - 1, 0) : place] + word[place + 1 : place + 2]
        return not any(letter.islower() and _script(letter) == "LATIN" for letter in beside)
    return word[place] in _SYMBOLS


def _category(letter: str) -> str:
    """Return the Unicode category; the CJK planes hold ideographs, those newer than Python's tables included."""
    code = ord(letter)
    if 0x20000 <= code <= 0x3FFFD and code & 0xFFFE != 0xFFFE:
        return "Lo"
    return unicodedata.category(letter)


def _script(letter: str) -> str:
    """Return the script, which is the first word of the character's name."""
    return unicodedata.name(letter, "").partition(" ")[0]


def _lines(text: str) -> str:
    """Normalize each line. At most one empty line stands between two others, and none at the ends."""
    lines = [normalize(line) if line.strip() else "" for line in re.split(r"\r\n|\r|\n", text)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _limited(max_length: int, normal_form: Callable[[str], str] = normalize) -> AfterValidator:
    """Normalize, and check the length again: the normal form of a text may be longer than what was sent."""

    def limit(text: str) -> str:
        normal = normal_form(text)
        if len(normal) > max_length:
            raise validation_error("TOO_LONG", f"has more than {max_length} characters in its normal form")
        return normal

    return AfterValidator(limit)


#: A name that people read, at most 120 characters; Chinese and Latin may mix.
Title = Annotated[str, StringConstraints(max_length=120), _limited(120)]
#: A line of text, at most 200 characters.
Line = Annotated[str, StringConstraints(max_length=200), _limited(200)]
#: A text of several lines, at most 4,000 characters.
Paragraphs = Annotated[str, StringConstraints(max_length=4000), _limited(4000, _lines)]

"""Sort keys of names: Chinese by pinyin, numbers by value. MongoDB compares them byte by byte (simple collation)."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from libs.common.domain.pinyin import readings
from libs.common.domain.text import fold

#: The longest key, in bytes of UTF-8. With a longer one, a page token could exceed what a query takes.
MAX_BYTES = 760
_MAX_WORDS = 600
_MAX_TONES = 120

_HAN = "〇\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003fffd"
_RUN = re.compile(rf"(?P<digits>\d+)|(?P<han>[{_HAN}]+)|(?P<other>[^\d{_HAN}]+)")
_ACCENTS = re.compile("(?<=[a-zα-ω])[\u0300-\u036f]+")
_TONES = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}
_UMLAUT = "\u0308"
_MARKS = frozenset({*_TONES, _UMLAUT, "\u0302"})
# Latin letters that do not decompose, with the letters that they are sorted as.
_LATIN = str.maketrans({"æ": "ae", "ð": "d", "đ": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "œ": "oe", "þ": "th"})


@lru_cache(maxsize=4096)
def sort_key(text: str) -> str:
    """Return a string of at most MAX_BYTES whose binary order is the order in which people look for names.

    The key compares, in this order:

    1. the words: a number by its value, Chinese characters one by one by the letters of their pinyin as read in the
       phrase (长春 under chang, 长大 under zhang; lü directly after lu), other words by their letters without case,
       width and accents of Latin and Greek letters. Numbers come before letters; Chinese and Latin names interleave
       alphabetically; other scripts follow in the order of Unicode. Spaces, punctuation and symbols only separate
       words, so a name without any letter or digit comes first.
    2. the tones;
    3. the text itself, without case and width, so that homophones and spellings of one name are neighbours.

    Longer keys are cut to MAX_BYTES, so sort by a unique field as well. The first Chinese text reads
    the pinyin dictionaries, which takes a quarter of a second.
    """
    form = _fold_case(fold(text))
    words: list[str] = []
    tones: list[str] = []
    for run in _RUN.finditer(form):
        if run["digits"]:
            words.append(_by_value(run["digits"]))
        elif run["han"]:
            for syllable, tone in _syllables(run["han"]):
                words.append(syllable)
                tones.append(tone)
        else:
            words.extend(_plain_words(run["other"]))
    key = "\t".join((_cut(" ".join(words), _MAX_WORDS), "".join(tones)[:_MAX_TONES], form))
    return _cut(key, MAX_BYTES)


def _fold_case(text: str) -> str:
    """Fold case and width (NFKC). A figure such as ² or ½ is kept apart from the digits beside it."""
    apart = "".join(f" {letter} " if unicodedata.category(letter) == "No" else letter for letter in text)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", apart).casefold())


def _by_value(digits: str) -> str:
    """Encode a number so that strings compare like the numbers, however many digits they have.

    The result is the significant digits, preceded by how many there are and by the length of that count.
    """
    significant = "".join(str(unicodedata.decimal(digit)) for digit in digits).lstrip("0")
    length = str(len(significant))
    return f"{len(length)}{length}{significant}"


def _plain_words(text: str) -> Iterator[str]:
    """Yield the words of a text without Chinese and decimal digits."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.translate(_LATIN)))
    letters = (letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in bare)
    yield from unicodedata.normalize("NFKC", "".join(letters)).split()


def _syllables(run: str) -> list[tuple[str, str]]:
    """Return the pinyin of each character, as letters and tone; a character without a reading is returned as it is."""
    return [_letters_and_tone(reading) for reading in readings(run)]


@lru_cache(maxsize=4096)
def _letters_and_tone(reading: str) -> tuple[str, str]:
    """Split a syllable: `zhǎng` into `zhang` and `3`; `lǜ` into `lu!` and `4`, which comes directly after `lu`."""
    spelled = unicodedata.normalize("NFD", reading)
    letters = "".join(letter for letter in spelled if letter not in _MARKS)
    # "!" comes after the space that ends a syllable and before every letter.
    return letters + ("!" if _UMLAUT in spelled else ""), next(
        (_TONES[mark] for mark in spelled if mark in _TONES), "5"
    )


def _cut(text: str, max_bytes: int) -> str:
    """Return as many whole characters as fit."""
    return text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")

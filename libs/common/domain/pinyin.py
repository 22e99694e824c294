"""Pinyin of Chinese text, read by phrase, from the dictionaries that pypinyin ships.

Importing pypinyin takes 55 MB, nearly all of it for nested lists of syllables. This module reads the same
files into flat strings, which take a third of that, and cuts text into phrases from the end, because cutting from
the start would find 市长 (mayor) in 吉林市长白山.
"""

import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from sys import intern

#: Readings of places and firms that differ from pypinyin's.
_PHRASES = {
    "山参": "shān shēn",
    "朝阳": "cháo yáng",
    "珲春": "hún chūn",
    "薄膜": "bó mó",
    "重塑": "chóng sù",
    "重构": "chóng gòu",
}
_CHARACTERS = {"长": "cháng", "長": "cháng", "都": "dū"}
_LONGEST_PHRASE = 10
_CHARACTER_ENTRY = re.compile(r'"(\d+)":\s*"([^",]+)')
_PHRASE_ENTRY = re.compile(r'"([^"]+)":\s*\[((?:\s*\[\s*"[^"]*"(?:,\s*"[^"]*")*\s*\],?)+)\s*\]')
_FIRST_READING = re.compile(r'\[\s*"([^"]*)"')


def readings(text: str) -> list[str]:
    """Return the pinyin of each character, with tone marks. A character without a reading is returned as it is."""
    phrases, characters = _dictionaries()
    found: list[str] = []
    end = len(text)
    while end:
        starts = range(max(end - _LONGEST_PHRASE, 0), end - 1)
        start = next((start for start in starts if text[start:end] in phrases), end - 1)
        phrase = text[start:end]
        spelled = phrases.get(phrase)
        syllables = spelled.split(" ") if spelled else [characters.get(ord(letter), letter) for letter in phrase]
        found[:0] = syllables
        end = start
    return found


@cache
def _dictionaries() -> tuple[Mapping[str, str], Mapping[int, str]]:
    """Return the readings of phrases, and the most common reading of each character by code point.

    A phrase that is read like its characters one by one has an empty reading, which saves memory.
    """
    spec = importlib.util.find_spec("pypinyin")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pypinyin is not installed")
    folder = Path(spec.origin).parent
    characters: dict[int, str] = {}
    # Entry by entry, because parsing a whole file at once would take the memory that this module saves.
    for entry in _CHARACTER_ENTRY.finditer((folder / "pinyin_dict.json").read_text(encoding="utf-8")):
        characters[int(entry[1])] = intern(entry[2])
    characters |= {ord(letter): syllable for letter, syllable in _CHARACTERS.items()}
    phrases: dict[str, str] = {}
    for entry in _PHRASE_ENTRY.finditer((folder / "phrases_dict.json").read_text(encoding="utf-8")):
        syllables = _FIRST_READING.findall(entry[2])
        is_plain = [characters.get(ord(letter)) for letter in entry[1]] == syllables
        phrases[entry[1]] = "" if is_plain else " ".join(syllables)
    return phrases | _PHRASES, characters

"""Text from files, pipes and the command line, whose encoding is not known in advance."""

import codecs
import os
from pathlib import Path

from libs.cli.errors import CliError

# UTF-32 first: the mark of its little-endian form begins with that of UTF-16.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode_text(raw: bytes, source: str) -> str:
    """Decode UTF-8, or what a byte order mark announces. CliError names the first byte that does not fit."""
    mark, encoding = next((known for known in BYTE_ORDER_MARKS if raw.startswith(known[0])), (b"", "utf-8"))
    try:
        text = raw.removeprefix(mark).decode(encoding)
    except UnicodeDecodeError as error:
        position = len(mark) + error.start
        problem = f"{source} is not {encoding.upper()}: byte 0x{raw[position]:02X} at position {position}"
        raise CliError(f"{problem}{_suggestion(raw, mark)}.") from None
    if not mark and "\0" in text:
        raise CliError(f"{source} contains NUL characters{_suggestion(raw, mark) or ', so it is not text'}.")
    return text


def read_text(file: Path) -> str:
    """Read a file as `decode_text` does. OSError when it cannot be read."""
    return decode_text(file.read_bytes(), str(file))


def ensure_decoded(argument: str) -> str:
    """Return an argument of the command line. CliError when its bytes are not of the terminal's encoding."""
    try:
        argument.encode("utf-8")
    except UnicodeEncodeError:
        return decode_text(os.fsencode(argument), "an argument")
    return argument


def _suggestion(raw: bytes, mark: bytes) -> str:
    """Return how to convert the bytes if another encoding explains them."""
    if mark:
        return "; the file may be damaged"
    candidates = ("utf-16-le", "utf-16-be") if b"\0" in raw else ("gbk", "gb18030")
    if b"\0" in raw and raw[:1] == b"\0":
        candidates = ("utf-16-be", "utf-16-le")
    for encoding in candidates:
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        name = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
        return f"; it may be {name}: convert it with `iconv -f {name} -t UTF-8`"
    return ""

"""Text in any encoding that a Chinese desktop produces, and output to any terminal."""

import codecs
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from libs.cli.encoding import decode_text, ensure_decoded, read_text
from libs.cli.errors import CliError
from libs.cli.local_stack import ROOT

TEXT = '{"name": "吉林市 μLED m² 𠮷"}\n'


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_byte_order_marks_are_understood(tmp_path: Path, mark: bytes, encoding: str) -> None:
    """Text with a byte order mark is read as it announces, without the mark; other text is UTF-8."""
    file = tmp_path / "input.json"
    file.write_bytes(mark + TEXT.encode(encoding))
    assert read_text(file) == TEXT


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (
            b'{"name":   "' + "吉林".encode("gbk"),
            "the input is not UTF-8: byte 0xBC at position 12; it may be GBK: convert it with `iconv -f GBK -t UTF-8`.",
        ),
        (
            "𠮷".encode("gb18030"),
            "the input is not UTF-8: byte 0x95 at position 0; it may be GB18030: convert it with `iconv -f GB18030",
        ),
        (
            '{"name": "吉林"}'.encode("utf-16-le"),
            "the input is not UTF-8: byte 0x97 at position 22; it may be UTF-16LE: convert it with `iconv -f UTF-16LE",
        ),
        (
            b"\0{\0}",
            "the input contains NUL characters; it may be UTF-16BE: convert it with `iconv -f UTF-16BE -t UTF-8`.",
        ),
        (b"a\0b", "the input contains NUL characters, so it is not text."),
        (b"abc\xff\xff\xff", "the input is not UTF-8: byte 0xFF at position 3."),
        (
            codecs.BOM_UTF16_LE + b"a",
            "the input is not UTF-16-LE: byte 0x61 at position 2; the file may be damaged.",
        ),
    ],
)
def test_a_wrong_encoding_is_named(raw: bytes, answer: str) -> None:
    """The message has the first byte that does not fit, and how to convert what it may be."""
    with pytest.raises(CliError) as refused:
        decode_text(raw, "the input")
    assert str(refused.value).startswith(answer)


def test_an_argument_in_another_encoding_is_named() -> None:
    """An argument whose bytes are not of the terminal's encoding is refused before it is sent anywhere."""
    assert ensure_decoded("space.display_name=吉林") == "space.display_name=吉林"
    with pytest.raises(CliError, match="an argument is not UTF-8: byte 0xBC at position 2; it may be GBK"):
        ensure_decoded(os.fsdecode(b"a=" + "吉林".encode("gbk")))


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("words", [("--help",), ("up", "--help"), ("status", "--home", "不存在/μLED/𠮷")])
def test_output_never_fails(tmp_path: Path, encoding: str, words: tuple[str, ...]) -> None:
    """Characters that the terminal's encoding lacks are printed as `?`; the command does what it does elsewhere."""
    env = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "libs.cli", *words], env=env, cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == (0 if "--help" in words else 1)
    printed = (done.stdout + done.stderr).decode(encoding)
    assert "Traceback" not in printed
    assert ("hatchery" in printed) if "--help" in words else ("Nothing is running" in printed)


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "latin-1", "utf-8"])
def test_a_terminal_gets_the_same(encoding: str) -> None:
    """On a terminal, where colours and boxes are added, a foreign encoding does no harm either."""
    terminal, side = pty.openpty()
    env = os.environ | {"PYTHONIOENCODING": encoding, "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "libs.cli", "status", "--home", "不存在/μ²"]
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=side, stdout=side, stderr=side) as process:
        os.close(side)
        printed = b""
        while chunk := _read(terminal):
            printed += chunk
    os.close(terminal)
    assert process.returncode == 1
    assert b"Nothing is running" in printed
    assert b"Traceback" not in printed


def _read(terminal: int) -> bytes:
    """Return what the program printed; empty when it has ended, which Linux reports as an error."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""

"""Logs are JSON lines with values; of a failure they say where it was, but not what it held."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

START = """
import asyncio, structlog
from libs.common.runtime import logs
logs.configure({level!r}, service="spaces")
log = structlog.get_logger()
"""


def run(root: Path, script: str, level: str = "info") -> list[dict[str, Any]]:
    """Return the lines that a process of its own writes."""
    text = START.format(level=level) + script
    done = subprocess.run([sys.executable, "-c", text], cwd=root, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_has_values(root: Path) -> None:
    """A line names what happened with its values, the service, the time and the level; any value can be logged."""
    (line,) = run(root, "log.info('space_created', space='spaces/1', desks=3, title='江城\\nx', odd={object})")
    assert line.items() >= {"event": "space_created", "space": "spaces/1", "desks": 3}.items()
    assert (line["service"], line["level"], line["title"]) == ("spaces", "info", "江城\nx")
    assert line["timestamp"].endswith("Z")


def test_bound_values_are_on_every_line(root: Path) -> None:
    """Values that are bound for a call are on each of its lines, and on no line of another task."""
    script = """
from structlog.contextvars import bind_contextvars
async def call(number):
    bind_contextvars(request_id=number)
    await asyncio.sleep(0)
    log.info("decided"); log.warning("stored")
async def main():
    await asyncio.gather(*(call(number) for number in range(3)))
    log.info("idle")
asyncio.run(main())
"""
    found = [(line["event"], line.get("request_id")) for line in run(root, script)]
    assert sorted(found[:-1], key=str) == sorted(
        [(event, number) for number in range(3) for event in ("decided", "stored")], key=str
    )
    assert found[-1] == ("idle", None)


def test_a_failure_shows_no_variables(root: Path) -> None:
    """The trace of a failure names its frames without their variables, which hold tokens and personal data."""
    script = """
def call(token):
    body = "138" + "0" * 8
    raise RuntimeError("odd")
try:
    call("hunter" + "2")
except RuntimeError as error:
    log.error("call_failed", exc_info=error)
"""
    (line,) = run(root, script)
    assert [frame["name"] for frame in line["exception"][0]["frames"]] == ["<module>", "call"]
    assert "hunter2" not in json.dumps(line)
    assert "13800000000" not in json.dumps(line)


@pytest.mark.parametrize(
    ("level", "levels"),
    [("debug", ["debug", "info", "warning", "error"]), ("warning", ["warning", "error"]), ("error", ["error"])],
)
def test_lower_levels_are_not_written(root: Path, level: str, levels: list[str]) -> None:
    """Lines below the configured level are not written."""
    script = "log.debug('a'); log.info('a'); log.warning('a'); log.error('a')"
    assert [line["level"] for line in run(root, script, level)] == levels


def test_lines_are_buffered(root: Path) -> None:
    """Lines are written when they are flushed, each once and in order; the rest at the end of the process."""
    script = """
import os
log.info("first"); log.info("second")
os.write(1, b'{"event": "before"}\\n')
logs.flush(); logs.flush()
os.write(1, b'{"event": "between"}\\n')
log.info("last")
"""
    assert [line["event"] for line in run(root, script)] == ["before", "first", "second", "between", "last"]


def test_lines_are_flushed_while_the_service_runs(root: Path) -> None:
    """A line is written soon after it happened, not only at the end of the process."""
    script = """
import os
async def main():
    flushing = asyncio.ensure_future(logs.flush_periodically(0.01))
    log.info("first")
    while logs._buffer.getvalue():
        await asyncio.sleep(0.001)
    os.write(1, b'{"event": "later"}\\n')
    flushing.cancel()
asyncio.run(main())
"""
    assert [line["event"] for line in run(root, script)] == ["first", "later"]


LONG_RUN = """
import sys
for _ in range(2000):
    log.info("happened")
    logs.flush()
print("goes on", file=sys.stderr)
"""


def nobody_reads() -> int:
    """Return the end of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("opened", [lambda: os.open("/dev/full", os.O_WRONLY), nobody_reads], ids=["full", "gone"])
def test_lines_that_cannot_be_written_are_lost(root: Path, opened: Callable[[], int]) -> None:
    """On a full disk, or when nobody reads any more, lines are lost and the service goes on."""
    out, text = opened(), START.format(level="info") + LONG_RUN
    done = subprocess.run([sys.executable, "-c", text], cwd=root, stdout=out, stderr=subprocess.PIPE, check=False)
    os.close(out)
    assert b"goes on" in done.stderr

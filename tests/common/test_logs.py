"""Logs are JSON lines that hold happenings with values, and of a failure where it was, but not what it held."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

START = """
import asyncio, structlog
from libs.common import logs
logs.configure({level!r}, service="spaces")
log = structlog.get_logger()
"""


def written(root: Path, script: str, level: str = "info") -> list[dict[str, Any]]:
    """The lines that a process of its own writes."""
    text = START.format(level=level) + script
    done = subprocess.run([sys.executable, "-c", text], cwd=root, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_happening_is_one_line_with_values(root: Path) -> None:
    """A line says what happened, with its values, of which service, when and how grave it is; any value can be said."""
    (line,) = written(root, "log.info('space_created', space='spaces/1', desks=3, title='江城\\nx', odd={object})")
    assert line.items() >= {"event": "space_created", "space": "spaces/1", "desks": 3}.items()
    assert (line["service"], line["level"], line["title"]) == ("spaces", "info", "江城\nx")
    assert line["timestamp"].endswith("Z")


def test_a_failure_tells_no_variable(root: Path) -> None:
    """The trace of a failure names its frames without their variables: these hold tokens and what people said."""
    script = """
def call(token):
    body = "138" + "0" * 8
    raise RuntimeError("odd")
try:
    call("hunter" + "2")
except RuntimeError as error:
    log.error("call_failed", exc_info=error)
"""
    (line,) = written(root, script)
    assert [frame["name"] for frame in line["exception"][0]["frames"]] == ["<module>", "call"]
    assert "hunter2" not in json.dumps(line)
    assert "13800000000" not in json.dumps(line)


@pytest.mark.parametrize(
    ("level", "levels"),
    [("debug", ["debug", "info", "warning", "error"]), ("warning", ["warning", "error"]), ("error", ["error"])],
)
def test_a_level_keeps_what_is_below_silent(root: Path, level: str, levels: list[str]) -> None:
    """What is less grave than the level is not written."""
    script = "log.debug('a'); log.info('a'); log.warning('a'); log.error('a')"
    assert [line["level"] for line in written(root, script, level)] == levels


def test_lines_are_gathered_and_flushed(root: Path) -> None:
    """Lines are written when they are flushed, each once and in order, what is left at the end of the process."""
    script = """
import os
log.info("first"); log.info("second")
os.write(1, b'{"event": "before"}\\n')
logs.flush(); logs.flush()
os.write(1, b'{"event": "between"}\\n')
log.info("last")
"""
    assert [line["event"] for line in written(root, script)] == ["before", "first", "second", "between", "last"]


def test_lines_are_flushed_while_the_service_runs(root: Path) -> None:
    """A line is written soon after it happened, not at the end of the process only."""
    script = """
import os
async def main():
    flushing = asyncio.ensure_future(logs.flush_on(0.01))
    log.info("first")
    while logs._lines.getvalue():
        await asyncio.sleep(0.001)
    os.write(1, b'{"event": "later"}\\n')
    flushing.cancel()
asyncio.run(main())
"""
    assert [line["event"] for line in written(root, script)] == ["first", "later"]

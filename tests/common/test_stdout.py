"""Where the lines of the log go, and what happens when they can go nowhere."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.running import ROOT

PROGRAM = """
import sys, structlog
from libs.common import logs
logs.configure("info", service="spaces")
for _ in range(2000):
    structlog.get_logger().info("happened")
    logs.flush()
print("goes on", file=sys.stderr)
"""


def nobody_reads() -> int:
    """The end of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("opened", [lambda: os.open("/dev/full", os.O_WRONLY), nobody_reads], ids=["full", "gone"])
def test_lines_that_cannot_be_written_stop_nobody(opened: Callable[[], int]) -> None:
    """On a full disk, or when nobody reads any more, lines are lost and the service goes on."""
    out = opened()
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=out, stderr=subprocess.PIPE, check=False)
    os.close(out)
    assert b"goes on" in done.stderr

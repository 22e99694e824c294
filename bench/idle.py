"""What processes use, and waiting until they are idle."""

import os
import time
from collections.abc import Collection
from pathlib import Path

import psutil

from bench.contenders import Database
from bench.stream import count_facts
from libs.cli.servers.nats import Nats


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process and its threads have used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def memory(pid: int) -> int:
    """Return the bytes of resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def wait_until_idle(pids: Collection[int]) -> None:
    """Wait until the processes together use less than a tenth of a core; TimeoutError after half a minute."""
    until = time.monotonic() + 30
    while _cores(pids) >= 0.1:
        if time.monotonic() > until:
            raise TimeoutError("the services are still busy after half a minute")


def _cores(pids: Collection[int], seconds: float = 0.5) -> float:
    before = sum(map(cpu_seconds, pids))
    time.sleep(seconds)
    return (sum(map(cpu_seconds, pids)) - before) / seconds


def wait_until_published(database: Database, server: Nats, stream: str) -> None:
    """Wait until the stream has the facts of the database's journal, for a minute at most."""
    until = time.monotonic() + 60
    facts = database["journal"].count_documents({"facts": {"$exists": True}})
    while count_facts(server, stream) < facts and time.monotonic() < until:
        time.sleep(0.05)

"""Logs: one JSON line for each happening, with values and never with sentences or personal data."""

import asyncio
import atexit
import contextlib
import io
import logging
import sys
from datetime import UTC, datetime

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

# Lines are gathered and written together: a system call for each would cost more than all else about it.
_lines = io.BytesIO()


def configure(level: str, **always: str) -> None:
    """Write lines of this level and above to standard output, each with the values in `always`."""
    structlog.configure(
        processors=[_finishing(always)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_Gathering,
        cache_logger_on_first_use=True,
    )
    atexit.register(flush)
    # Libraries that log by the standard way warn at the least, in plain lines, on standard error.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def flush() -> None:
    """Write the lines gathered so far; what cannot be written (a full disk, nobody who reads) is lost."""
    if text := _lines.getvalue():
        _lines.seek(0)
        _lines.truncate()
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()


async def flush_on(every: float = 0.1) -> None:
    """Write what was gathered, every so many seconds, until cancelled."""
    while True:
        await asyncio.sleep(every)
        flush()


class _Gathering:
    """What structlog hands its finished lines to."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: bytes) -> None:
        _lines.write(line + b"\n")

    debug = info = warning = error = critical = msg


def _finishing(always: dict[str, str]) -> Processor:
    """All that is done to a line, in one step: with structlog's own five, two lines a call took a tenth of its time."""
    # Without the frames' variables: they hold tokens and what people said.
    tell_exception = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))

    def finish(logger: object, method: str, line: EventDict) -> bytes:
        if line.get("exc_info"):
            line = tell_exception(logger, method, line)
        line.update(always)
        line["level"] = method
        line["timestamp"] = datetime.now(UTC)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z)

    return finish

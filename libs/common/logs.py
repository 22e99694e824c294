"""Logs: one JSON line for each happening, with values and never with sentences or personal data."""

import logging
import sys

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor


def configure(level: str, **always: str) -> None:
    """Write lines of this level and above to standard output, each with the values in `always`."""
    structlog.configure(
        processors=[
            _adding(always),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without the frames' variables: they hold tokens and what people said.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    # Libraries that log by the standard way warn at the least, in plain lines, on standard error.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def _adding(always: dict[str, str]) -> Processor:
    def add(logger: object, method: str, line: EventDict) -> EventDict:  # noqa: ARG001 - structlog's signature
        line.update(always)
        return line

    return add

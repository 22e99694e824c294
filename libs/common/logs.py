"""Logs: one JSON line for each happening, with values and never with sentences or personal data."""

import logging
import sys

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer


def configure(level: str, **always: str) -> None:
    """Write lines of this level and above to standard output, each with the values in `always`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
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
    structlog.contextvars.bind_contextvars(**always)
    # Libraries that log by the standard way warn at the least, in plain lines, on standard error.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")

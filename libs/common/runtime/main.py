"""Run a service's main function as a process."""

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import nats
import uvloop
from pymongo.errors import PyMongoError

from libs.common.runtime.errors import StartupError


def run(main: Callable[[], Any]) -> None:
    """Run until the service stops. An expected failure is printed as a sentence and exits with status 1."""
    # Imported modules live as long as the process; the collector need not examine them again and again.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        uvloop.run(main())
    except Exception as error:
        causes = [*_causes(error)]
        if not all(map(_sentence, causes)):
            raise
        sys.exit(_sentence(causes[0]))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors within a group, however deeply nested; else the error itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    else:
        yield error


def _sentence(cause: BaseException) -> str:
    """Return what to print for an expected error; empty for any other."""
    if isinstance(cause, StartupError):
        return str(cause)
    if isinstance(cause, PyMongoError | nats.errors.Error | OSError):
        return f"cannot go on: {type(cause).__name__}: {cause}"
    return ""

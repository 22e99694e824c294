"""The context of one command or query: caller, request id, deadline, scope and trace."""

import asyncio
import hashlib
import os
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Self

from google.protobuf.message import Message
from pydantic import StringConstraints, TypeAdapter, ValidationError

from libs.common.domain.errors import Invalid
from libs.common.rpc.scope import UNLIMITED, Scope

_REQUEST_ID = TypeAdapter(Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*$", max_length=64)])


@dataclass(frozen=True)
class CallContext:
    """The caller of a command or query, its request, deadline, scope and trace.

    `digest` distinguishes requests with the same id. `deadline` is in seconds of the event loop's clock.
    `unguarded` is set for the service's own work and for permissions that no role holds within its own
    scope only; every other command must name a guard.
    """

    actor: str
    command: str
    request_id: str
    digest: bytes
    deadline: float
    scope: Scope = UNLIMITED
    traceparent: str = ""
    unguarded: bool = False
    _commits: list[str] = field(default_factory=list, init=False, repr=False, compare=False)
    _steps: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    @cached_property
    def entry_id(self) -> str:
        """The id of the command's journal entry, the same for every repeat of the request."""
        return hashlib.blake2b(f"{self.actor}\0{self.request_id}".encode(), digest_size=16).hexdigest()

    @property
    def trace_id(self) -> str:
        """The trace id within the traceparent; empty without a trace."""
        return self.traceparent[3:35]

    def remaining(self) -> float:
        """Seconds until the deadline; negative once it has passed."""
        return self.deadline - asyncio.get_running_loop().time()

    def begin_commit(self) -> None:
        """Mark the context as used.

        RuntimeError the second time, because the second commit would get the first one's reply, and without a
        request id, because all such commands of a caller would get the reply of the first.
        """
        if not self.request_id:
            raise RuntimeError(f"{self.command} commits without a request id; add the field request_id to its request")
        if self._commits:
            raise RuntimeError(f"{self.command} commits twice under one context; use ctx.step(…) for a further commit")
        self._commits.append(self.request_id)

    def step(self, name: str) -> Self:
        """Return a context for a further commit of the same call, with an idempotency key of its own.

        RuntimeError for a name that was used before.
        """
        if name in self._steps:
            raise RuntimeError(f"{self.command} has a step {name!r} already")
        self._steps.add(name)
        # A slash cannot occur in a caller's request id, so a step's key never collides with one.
        return replace(self, request_id=f"{self.request_id}/{name}")


def parse_request_id(given: str) -> str:
    """Return the caller's request id, or a new one. Invalid when it is too long or has other characters."""
    try:
        return _REQUEST_ID.validate_python(given) or os.urandom(12).hex()
    except ValidationError as error:
        found = error.errors()[0]
        reason = "TOO_LONG" if found["type"] == "string_too_long" else "MALFORMED"
        raise Invalid.field("request_id", reason, found["msg"]) from None


def digest(command: str, request: Message) -> bytes:
    """Fingerprint a command and its whole request."""
    return digest_bytes(command, request.SerializeToString(deterministic=True))


def digest_bytes(command: str, body: bytes) -> bytes:
    """Fingerprint a command and the bytes that it was sent with."""
    return hashlib.blake2b(body, digest_size=16, key=command.encode()[-64:]).digest()


current: ContextVar[CallContext] = ContextVar("call_context")


def call_context() -> CallContext:
    """Return the context of the call in progress. LookupError outside of a call."""
    return current.get()

"""Who asks, for what, under which request id and until when: what every command and every read is accompanied by."""

import asyncio
import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from google.protobuf.message import Message
from pydantic import StringConstraints, TypeAdapter, ValidationError

from libs.common.errors import Denied, Invalid
from libs.common.values import Entity

RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*$", max_length=64)]
_REQUEST_ID = TypeAdapter(RequestId)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a caller's permission goes: everywhere, or only what the scopes name."""

    scopes: frozenset[str] | None = None

    def covers(self, entity: Entity) -> bool:
        """Whether one of the fields by which the entity is reached is in scope; an empty field reaches nobody."""
        if self.scopes is None:
            return True
        return any((value := getattr(entity, path)) and value in self.scopes for path in entity.reached_by)

    def covers_name(self, name: str) -> bool:
        """Whether the name, or what it lies under, is in scope."""
        return self.scopes is None or any(name == scope or name.startswith(scope + "/") for scope in self.scopes)

    def must_cover(self, entity: Entity) -> None:
        """Refuse an entity out of reach (OUT_OF_SCOPE), telling nothing of it."""
        if not self.covers(entity):
            raise out_of_scope()


def out_of_scope() -> Denied:
    """The one answer for what a caller may not reach, whether it exists or not."""
    return Denied("OUT_OF_SCOPE", "the token's scopes do not reach this")


EVERYWHERE = Reach()
NOWHERE = Reach(frozenset())


@dataclass(frozen=True)
class Asked:
    """The circumstances of one command or read.

    `digest` tells one request from another under the same id; `deadline` is in the loop's seconds.
    """

    actor: str
    command: str
    request_id: str
    digest: bytes
    deadline: float
    reach: Reach = EVERYWHERE
    traceparent: str = ""

    @cached_property
    def entry_id(self) -> str:
        """The id of the command's entry in the journal: the same for every repeat of it."""
        return hashlib.blake2b(f"{self.actor}\0{self.request_id}".encode(), digest_size=16).hexdigest()

    def left(self) -> float:
        """Seconds until the deadline; below zero when it has passed."""
        return self.deadline - asyncio.get_running_loop().time()


def request_id(given: str) -> str:
    """The caller's request id, or a new one; Invalid when it has other characters or is too long."""
    try:
        return _REQUEST_ID.validate_python(given) or os.urandom(12).hex()
    except ValidationError as error:
        found = error.errors()[0]
        reason = "TOO_LONG" if found["type"] == "string_too_long" else "MALFORMED"
        raise Invalid.field("request_id", reason, found["msg"]) from None


def digest(command: str, request: Message) -> bytes:
    """A fingerprint of the command and of all that its request says."""
    said = request.SerializeToString(deterministic=True)
    return hashlib.blake2b(said, digest_size=16, key=command.encode()[-64:]).digest()

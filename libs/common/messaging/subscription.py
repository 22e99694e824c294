"""Which facts of other services a service handles, and with which method."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from google.protobuf.message import Message

from libs.common.domain.entity import Value
from libs.common.rpc.context import CallContext


class FactPayload(Value):
    """The fields that a subscriber reads: at least the entity's name and the version that the fact describes."""

    name: str
    sequence: int = 0

    def at(self, sequence: int) -> Self:
        """Copy the payload with the fact's sequence."""
        return self.model_copy(update={"sequence": sequence})


@dataclass(frozen=True, slots=True)
class Subscription:
    """A fact's message, the payload it is decoded to, and the method that takes the payload."""

    message: type[Message]
    payload: type[FactPayload]
    method: Callable[[Any, CallContext], Awaitable[object]]

    @property
    def type(self) -> str:
        """The full name of the message, which is also its subject and `ce-type`."""
        return self.message.DESCRIPTOR.full_name


#: The subscriptions to each source service.
Subscriptions = Mapping[str, Sequence[Subscription]]

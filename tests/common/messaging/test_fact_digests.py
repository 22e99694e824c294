"""A fact that two versions of a service read differently is the same fact."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from nats.aio.client import Client

from libs.common.messaging.inbox import Inbox
from libs.common.messaging.subscription import FactPayload, Subscription
from libs.common.rpc import mapping
from tests.common.recording import Recorder
from tests.common.sample_contract import halls
from tests.common.sample_domain import HallsStore, new_name


def without_display_name() -> type[Message]:
    """Return the message as a version knew it that did not have the second of its three fields."""
    file = FileDescriptorProto()
    halls.DESCRIPTOR.CopyToProto(file)
    del file.service[:]
    del file.dependency[:]
    (opened,) = (message for message in file.message_type if message.name == "HallOpened")
    del opened.field[1]
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(halls.HallOpened.DESCRIPTOR.full_name))


async def test_a_fact_handled_by_an_older_version_is_recognised(
    store: HallsStore, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that knows more fields takes a fact that an older one has handled for a repeat, not for another one."""
    recorder, name = Recorder(store), new_name()
    body = halls.HallOpened(name=name, display_name="Hall", desks=3).SerializeToString()
    kind = halls.HallOpened.DESCRIPTOR.full_name
    headers = {"ce-id": "a.0", "ce-type": kind, "ce-time": "2026-11-24T04:00:00.000Z", "ce-sequence": "1"}
    for message in (without_display_name(), halls.HallOpened):
        monkeypatch.setattr(mapping, "_readers", {})  # each version is a process of its own
        subscription = Subscription(message, FactPayload, recorder.handle)
        await Inbox(store.database, admin, "guests", "halls", (subscription,)).apply(headers, body)
    assert len(recorder.tries) == 2
    assert await recorder.visits(name) == 1

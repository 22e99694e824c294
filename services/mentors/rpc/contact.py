"""MentorContactService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import contact_pb2 as pb
from libs.api.hatchery.mentors.v1.contact_pb2_grpc import MentorContactServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode
from services.mentors.domain import contact
from services.mentors.service.contact import Contacts


class MentorContactRpc(MentorContactServiceServicer):
    """Handlers of MentorContactService. The proto and the service document each method."""

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts

    async def GetMentorContact(self, request: pb.GetMentorContactRequest, context: Any) -> pb.MentorContact:
        query = decode(request, contact.GetMentorContact)
        found = await self._contacts.get(query, call_context())
        return encode(found, pb.MentorContact)

    async def UpdateMentorContact(self, request: pb.UpdateMentorContactRequest, context: Any) -> pb.MentorContact:
        command = decode(request, contact.UpdateMentorContact)
        updated = await self._contacts.update(command, call_context())
        return encode(updated, pb.MentorContact)

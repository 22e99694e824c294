"""MentorService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import appointment_pb2 as terms
from libs.api.hatchery.mentors.v1 import mentor_pb2 as pb
from libs.api.hatchery.mentors.v1 import profession_pb2
from libs.api.hatchery.mentors.v1.mentor_pb2_grpc import MentorServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.mentors.domain import appointment, forgetting, mentor, nomination
from services.mentors.service.appointment import Appointments
from services.mentors.service.forgetting import Forgetting
from services.mentors.service.mentor import Mentors


class MentorRpc(MentorServiceServicer):
    """Handlers of MentorService. The proto and the service document each method."""

    def __init__(self, mentors: Mentors, appointments: Appointments, forgetting: Forgetting) -> None:
        self._mentors = mentors
        self._appointments = appointments
        self._forgetting = forgetting

    async def NominateMentor(self, request: pb.NominateMentorRequest, context: Any) -> pb.Mentor:
        command = decode(request, nomination.NominateMentor)
        nominated = await self._mentors.nominate(command, call_context())
        return encode(nominated, pb.Mentor)

    async def AppointMentor(self, request: terms.AppointMentorRequest, context: Any) -> pb.Mentor:
        command = decode(request, appointment.AppointMentor)
        appointed = await self._appointments.appoint(command, call_context())
        return encode(appointed, pb.Mentor)

    async def EndAppointment(self, request: terms.EndAppointmentRequest, context: Any) -> pb.Mentor:
        command = decode(request, appointment.EndAppointment)
        ended = await self._appointments.end(command, call_context())
        return encode(ended, pb.Mentor)

    async def SuspendMentor(self, request: terms.SuspendMentorRequest, context: Any) -> pb.Mentor:
        command = decode(request, appointment.SuspendMentor)
        suspended = await self._appointments.suspend(command, call_context())
        return encode(suspended, pb.Mentor)

    async def ResumeMentor(self, request: terms.ResumeMentorRequest, context: Any) -> pb.Mentor:
        command = decode(request, appointment.ResumeMentor)
        resumed = await self._appointments.resume(command, call_context())
        return encode(resumed, pb.Mentor)

    async def RetireMentor(self, request: terms.RetireMentorRequest, context: Any) -> pb.Mentor:
        command = decode(request, appointment.RetireMentor)
        retired = await self._appointments.retire(command, call_context())
        return encode(retired, pb.Mentor)

    async def GetMentor(self, request: pb.GetMentorRequest, context: Any) -> pb.Mentor:
        query = decode(request, mentor.GetMentor)
        found = await self._mentors.get(query, call_context())
        return encode(found, pb.Mentor)

    async def BatchGetMentors(self, request: pb.BatchGetMentorsRequest, context: Any) -> pb.BatchGetMentorsResponse:
        query = decode(request, mentor.BatchGetMentors)
        found = await self._mentors.batch_get(query, call_context())
        return encode_page(found, pb.BatchGetMentorsResponse)

    async def ListMentors(self, request: pb.ListMentorsRequest, context: Any) -> pb.ListMentorsResponse:
        query = decode(request, mentor.ListMentors)
        page = await self._mentors.list(query, call_context())
        return encode_page(page, pb.ListMentorsResponse)

    async def UpdateMentor(self, request: profession_pb2.UpdateMentorRequest, context: Any) -> pb.Mentor:
        command = decode(request, mentor.UpdateMentor)
        updated = await self._mentors.update(command, call_context())
        return encode(updated, pb.Mentor)

    async def ClassifyMentor(self, request: profession_pb2.ClassifyMentorRequest, context: Any) -> pb.Mentor:
        command = decode(request, mentor.ClassifyMentor)
        classified = await self._mentors.classify(command, call_context())
        return encode(classified, pb.Mentor)

    async def ForgetPerson(self, request: terms.ForgetPersonRequest, context: Any) -> pb.Mentor:
        command = decode(request, forgetting.ForgetPerson)
        forgotten = await self._forgetting.forget(command, call_context())
        return encode(forgotten, pb.Mentor)

"""ConsultationService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import consultation_note_pb2 as note_pb
from libs.api.hatchery.mentors.v1 import consultation_pb2 as pb
from libs.api.hatchery.mentors.v1.consultation_pb2_grpc import ConsultationServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.mentors.domain import answer, correction, log, note
from services.mentors.domain import booking_commands as booking
from services.mentors.service.booking import Bookings
from services.mentors.service.note import Notes
from services.mentors.service.record import Records


class ConsultationRpc(ConsultationServiceServicer):
    """Handlers of ConsultationService. The proto and the services document each method."""

    def __init__(self, bookings: Bookings, records: Records, notes: Notes) -> None:
        self._bookings = bookings
        self._records = records
        self._notes = notes

    # --- bookings -----------------------------------------------------------------------------

    async def RequestConsultation(self, request: pb.RequestConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.RequestConsultation)
        requested = await self._bookings.request(command, call_context())
        return encode(requested, pb.Consultation)

    async def GetConsultation(self, request: pb.GetConsultationRequest, context: Any) -> pb.Consultation:
        query = decode(request, booking.GetConsultation)
        found = await self._bookings.get(query, call_context())
        return encode(found, pb.Consultation)

    async def ListConsultations(
        self, request: pb.ListConsultationsRequest, context: Any
    ) -> pb.ListConsultationsResponse:
        query = decode(request, booking.ListConsultations)
        page = await self._bookings.list(query, call_context())
        return encode_page(page, pb.ListConsultationsResponse)

    async def AcceptConsultation(self, request: pb.AcceptConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.AcceptConsultation)
        accepted = await self._bookings.accept(command, call_context())
        return encode(accepted, pb.Consultation)

    async def DeclineConsultation(self, request: pb.DeclineConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.DeclineConsultation)
        declined = await self._bookings.decline(command, call_context())
        return encode(declined, pb.Consultation)

    async def ProposeTime(self, request: pb.ProposeTimeRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.ProposeTime)
        proposed = await self._bookings.propose(command, call_context())
        return encode(proposed, pb.Consultation)

    async def AcceptProposedTime(self, request: pb.AcceptProposedTimeRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.AcceptProposedTime)
        accepted = await self._bookings.accept_proposed_time(command, call_context())
        return encode(accepted, pb.Consultation)

    async def WithdrawConsultation(self, request: pb.WithdrawConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.WithdrawConsultation)
        withdrawn = await self._bookings.withdraw(command, call_context())
        return encode(withdrawn, pb.Consultation)

    async def MoveConsultation(self, request: pb.MoveConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.MoveConsultation)
        moved = await self._bookings.move(command, call_context())
        return encode(moved, pb.Consultation)

    async def CancelConsultation(self, request: pb.CancelConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, booking.CancelConsultation)
        cancelled = await self._bookings.cancel(command, call_context())
        return encode(cancelled, pb.Consultation)

    # --- records ------------------------------------------------------------------------------

    async def LogConsultation(self, request: pb.LogConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, log.LogConsultation)
        logged = await self._records.log(command, call_context())
        return encode(logged, pb.Consultation)

    async def CorrectConsultation(self, request: pb.CorrectConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, correction.CorrectConsultation)
        corrected = await self._records.correct(command, call_context())
        return encode(corrected, pb.Consultation)

    async def ConfirmConsultation(self, request: pb.ConfirmConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, answer.ConfirmConsultation)
        confirmed = await self._records.confirm(command, call_context())
        return encode(confirmed, pb.Consultation)

    async def DisputeConsultation(self, request: pb.DisputeConsultationRequest, context: Any) -> pb.Consultation:
        command = decode(request, answer.DisputeConsultation)
        disputed = await self._records.dispute(command, call_context())
        return encode(disputed, pb.Consultation)

    async def ResolveDispute(self, request: pb.ResolveDisputeRequest, context: Any) -> pb.Consultation:
        command = decode(request, answer.ResolveDispute)
        resolved = await self._records.resolve(command, call_context())
        return encode(resolved, pb.Consultation)

    async def AddEvidence(self, request: pb.AddEvidenceRequest, context: Any) -> pb.Consultation:
        command = decode(request, correction.AddEvidence)
        proved = await self._records.add_evidence(command, call_context())
        return encode(proved, pb.Consultation)

    async def CompleteNextStep(self, request: pb.CompleteNextStepRequest, context: Any) -> pb.Consultation:
        command = decode(request, correction.CompleteNextStep)
        completed = await self._records.complete_next_step(command, call_context())
        return encode(completed, pb.Consultation)

    # --- private notes ------------------------------------------------------------------------

    async def GetConsultationNote(
        self, request: note_pb.GetConsultationNoteRequest, context: Any
    ) -> note_pb.ConsultationNote:
        query = decode(request, note.GetConsultationNote)
        found = await self._notes.get(query, call_context())
        return encode(found, note_pb.ConsultationNote)

    async def UpdateConsultationNote(
        self, request: note_pb.UpdateConsultationNoteRequest, context: Any
    ) -> note_pb.ConsultationNote:
        command = decode(request, note.UpdateConsultationNote)
        updated = await self._notes.update(command, call_context())
        return encode(updated, note_pb.ConsultationNote)

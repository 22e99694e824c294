"""The timer of consultations, for bookings and records alike."""

from libs.common.rpc.context import CallContext
from services.mentors.domain.consultation import RECORDED, Consultation
from services.mentors.service.booking import Bookings
from services.mentors.service.record import Records
from services.mentors.store import MentorsStore


class ConsultationTimer:
    """Advances consultations whose moment has come."""

    def __init__(self, store: MentorsStore, bookings: Bookings, records: Records) -> None:
        self._store = store
        self._bookings = bookings
        self._records = records

    async def advance(self, name: str, ctx: CallContext) -> None:
        """Timer: expire or hold a booking, or end the time to answer a record. Precondition (NOT_DUE)."""
        known = await self._store.get(Consultation, name, ctx)
        advance = self._records.close if known.state in RECORDED else self._bookings.advance
        await advance(name, ctx)

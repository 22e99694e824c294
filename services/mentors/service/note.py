"""Private notes: only their mentor reads and writes them."""

from dataclasses import replace
from functools import partial

import structlog

from libs.common.domain.errors import NotFound
from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import UNLIMITED
from libs.common.store.command import Load, optional
from services.mentors.domain import note
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.note import ConsultationNote
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Notes:
    """Commands and queries on private notes."""

    def __init__(self, store: MentorsStore) -> None:
        self._store = store

    async def get(self, query: note.GetConsultationNote, ctx: CallContext) -> ConsultationNote:
        """Return the note of a consultation; it is empty until it is written. NotFound (CONSULTATION_NOT_FOUND)."""
        consultation = await self._store.get(Consultation, note.consultation_of(query.name), ctx)
        unwritten = note.note_of(consultation)
        ctx.scope.ensure_in_scope(unwritten)
        try:
            return await self._store.get(ConsultationNote, query.name, replace(ctx, scope=UNLIMITED))
        except NotFound:
            return unwritten

    async def update(self, command: note.UpdateConsultationNote, ctx: CallContext) -> ConsultationNote:
        """Replace the note of a consultation. Stale (ETAG_MISMATCH), NotFound (CONSULTATION_NOT_FOUND)."""
        updated = await self._store.commit(
            ctx,
            Load(Consultation, note.consultation_of(command.name), guard=True),
            optional(ConsultationNote, command.name),
            decide=partial(note.update, command=command),
        )
        log.info("consultation_note_updated", note=updated.name)
        return updated

"""How mentors are reached: read in full or masked, and replace."""

from dataclasses import replace
from functools import partial

import structlog

from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import UNLIMITED
from libs.common.store.command import Load, optional
from services.mentors.domain import contact
from services.mentors.domain.contact import MentorContact
from services.mentors.domain.mentor import Mentor
from services.mentors.store import MentorsStore

log = structlog.get_logger()


class Contacts:
    """Commands and queries on contacts."""

    def __init__(self, store: MentorsStore) -> None:
        self._store = store

    async def get(self, query: contact.GetMentorContact, ctx: CallContext) -> MentorContact:
        """Return a contact, masked unless the caller's scope names the mentor. NotFound (MENTOR_CONTACT_NOT_FOUND)."""
        mentor = query.name.removesuffix("/contact")
        await self._store.get(Mentor, mentor, ctx)  # refuses what is out of scope; a contact knows no spaces
        found = await self._store.get(MentorContact, query.name, replace(ctx, scope=UNLIMITED))
        return found if ctx.scope.covers_name(mentor) else found.mask()

    async def update(self, command: contact.UpdateMentorContact, ctx: CallContext) -> MentorContact:
        """Replace a contact. Stale (ETAG_MISMATCH), NotFound (MENTOR_NOT_FOUND), Precondition (PERSON_FORGOTTEN)."""
        mentor = command.name.removesuffix("/contact")
        updated = await self._store.commit(
            ctx,
            optional(MentorContact, command.name, guard=True),
            Load(Mentor, mentor),
            decide=partial(contact.update, command=command),
        )
        log.info("mentor_contact_updated", mentor=mentor)
        return updated

"""Occupants: the projection of startups."""

from functools import partial

from libs.common.messaging.subscription import FactPayload
from libs.common.rpc.context import CallContext
from libs.common.store.command import optional
from services.spaces.domain import occupant
from services.spaces.domain.names import StartupName
from services.spaces.domain.occupant import Occupant
from services.spaces.store import SpacesStore


class StartupPayload(FactPayload):
    """The fields of the facts of startups that spaces uses."""

    name: StartupName
    display_name: str


class Occupants:
    """Keeps the projection up to date."""

    def __init__(self, store: SpacesStore) -> None:
        self._store = store

    async def note_startup(self, payload: StartupPayload, ctx: CallContext) -> None:
        """Fact: note the name of a startup."""
        decide = partial(
            occupant.note_startup, name=payload.name, display_name=payload.display_name, sequence=payload.sequence
        )
        await self._store.commit(ctx, optional(Occupant, payload.name), decide=decide)

"""Projections: startups, where they stay, and spaces, as mentors knows them."""

from datetime import date
from functools import partial

from libs.common.messaging.subscription import FactPayload
from libs.common.rpc.context import CallContext
from libs.common.store.command import optional
from services.mentors.domain import projection, residence
from services.mentors.domain.names import SpaceName, StartupName, TenancyName
from services.mentors.domain.residence import Residence, Stay
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Startup
from services.mentors.store import MentorsStore


class StartupPayload(FactPayload):
    """The fields of the facts of startups that mentors uses."""

    name: StartupName
    display_name: str
    stage: str = ""
    credit_code: str | None = None
    district: str = ""
    technology_field: str = ""
    industry_chain: str = ""
    founded_date: date | None = None


class SpacePayload(FactPayload):
    """The fields of the facts of spaces that mentors uses."""

    name: SpaceName
    display_name: str
    kind: str = ""
    district: str = ""
    zone: str = ""


class TenancyPayload(FactPayload):
    """The fields of the facts of tenancies that mentors uses."""

    name: TenancyName
    space: SpaceName
    district: str = ""
    zone: str = ""
    startup: StartupName
    start_date: date
    end_date: date | None = None


class Projections:
    """Keeps the projections up to date."""

    def __init__(self, store: MentorsStore) -> None:
        self._store = store

    async def note_startup(self, payload: StartupPayload, ctx: CallContext) -> None:
        """Fact: note a startup as it is now."""
        decide = partial(projection.note, reported=Startup(**dict(payload)))
        await self._store.commit(ctx, optional(Startup, payload.name), decide=decide)

    async def note_space(self, payload: SpacePayload, ctx: CallContext) -> None:
        """Fact: note a space as it is now."""
        decide = partial(projection.note, reported=Space(**dict(payload)))
        await self._store.commit(ctx, optional(Space, payload.name), decide=decide)

    async def note_tenancy(self, payload: TenancyPayload, ctx: CallContext) -> None:
        """Fact: note where a startup stays, whether mentors knows the startup or not."""
        stay = Stay(
            tenancy=payload.name,
            sequence=payload.sequence,
            space=payload.space,
            district=payload.district,
            zone=payload.zone,
            start_date=payload.start_date,
            end_date=payload.end_date,
        )
        decide = partial(residence.note_stay, startup=payload.startup, reported=stay)
        await self._store.commit(ctx, optional(Residence, payload.startup), decide=decide)

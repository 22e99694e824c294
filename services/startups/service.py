"""Startups as a service: one method for each thing that can be asked."""

from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.asking import Asked
from libs.common.clock import Clock, Names
from libs.common.inbox import Told
from libs.common.profile import City
from libs.common.values import Paged, SpaceName, StartupName
from services.startups.domain import (
    BatchGetStartups,
    GetStartup,
    ListStartups,
    RegisterStartup,
    Residency,
    ResidencyState,
    Startup,
    UpdateStartup,
    note_residency,
    register_startup,
    update_startup,
)
from services.startups.store import StartupsStore

log = structlog.get_logger()


class TenancyTold(Told):
    """What startups heeds of a tenancy."""

    space: SpaceName
    space_display_name: str
    startup: StartupName
    start_date: date
    end_date: date | None = None


class Startups:
    """What can be asked of startups. Calendar days are those of the city's time zone."""

    def __init__(self, store: StartupsStore, clock: Clock, names: Names, city: City) -> None:
        self.store = store
        self._clock = clock
        self._names = names
        self._city = city
        self._zone = ZoneInfo(city.time_zone)

    async def register_startup(self, ask: RegisterStartup, asked: Asked) -> Startup:
        """Enter a startup into the register; Invalid, Taken (CREDIT_CODE_TAKEN)."""
        name, today = self._names.new("startups"), self._clock.today(self._zone)
        startup = await self.store.commit(
            asked, decide=partial(register_startup, ask, self._city, name=name, today=today)
        )
        log.info("startup_registered", startup=startup.name, stage=startup.stage)
        return startup

    async def get_startup(self, ask: GetStartup, asked: Asked) -> Startup:
        """One startup; NotFound (STARTUP_NOT_FOUND)."""
        return await self.store.get(Startup, ask.name, asked)

    async def batch_get_startups(self, ask: BatchGetStartups, asked: Asked) -> tuple[Startup, ...]:
        """Several startups in the order of their names; NotFound when one is missing."""
        return await self.store.get_all(Startup, ask.names, asked)

    async def list_startups(self, ask: ListStartups, asked: Asked) -> Paged[Startup]:
        """A page of startups."""
        return await self.store.startups(ask, asked)

    async def update_startup(self, ask: UpdateStartup, asked: Asked) -> Startup:
        """Change a startup; Stale (ETAG_MISMATCH), Taken (CREDIT_CODE_TAKEN), Precondition (CREDIT_CODE_FIXED)."""
        decide = partial(update_startup, ask=ask, city=self._city, today=self._clock.today(self._zone))
        startup = await self.store.commit(asked, (Startup, ask.name), decide=decide)
        log.info("startup_updated", startup=startup.name, stage=startup.stage, fields=ask.update_mask.paths)
        return startup

    async def note_moved_in(self, told: TenancyTold, asked: Asked) -> None:
        """Take over that a startup lives in a space, and until when."""
        await self._note(told, ResidencyState.CURRENT, asked)

    async def note_moved_out(self, told: TenancyTold, asked: Asked) -> None:
        """Take over that a startup has moved out of a space."""
        await self._note(told, ResidencyState.ENDED, asked)

    async def _note(self, told: TenancyTold, state: ResidencyState, asked: Asked) -> None:
        residency = Residency(
            tenancy=told.name,
            sequence=told.sequence,
            space=told.space,
            space_display_name=told.space_display_name,
            start_date=told.start_date,
            end_date=told.end_date,
            state=state,
        )
        decide = partial(note_residency, told=residency)
        await self.store.commit(asked, (Startup, told.startup), decide=decide)

"""The startup: who it is before the law, and where it lives; entities, rules and facts."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints

from libs.common.errors import Invalid, Precondition
from libs.common.profile import City
from libs.common.values import (
    Change,
    Code,
    Day,
    DistrictName,
    Entity,
    Etag,
    Fact,
    Listing,
    Mask,
    SpaceName,
    Spec,
    StartupName,
    Title,
    Value,
)
from services.startups.domain.credit_code import CreditCode


class Stage(StrEnum):
    """What a startup is before the law."""

    TEAM = "TEAM"
    FIRM = "FIRM"


class ResidencyState(StrEnum):
    """Whether a startup lives in a space."""

    CURRENT = "CURRENT"
    ENDED = "ENDED"


class StartupSpec(Spec):
    """What may be said of a startup."""

    required = ("display_name", "district", "technology_field")

    display_name: Title = ""
    credit_code: CreditCode = ""
    district: DistrictName = ""
    technology_field: Code = ""
    industry_chain: Code = ""
    founded_date: date | None = None

    def must_fit(self, city: City, today: date) -> None:
        """Refuse what the city's profile does not have, and a day of founding that is yet to come."""
        self.must_be_complete("startup")
        if not city.is_district(self.district):
            raise Invalid.field("startup.district", "MALFORMED", "not a district of the city")
        if self.technology_field not in city.technology_fields:
            raise Invalid.field("startup.technology_field", "MALFORMED", "not a technology field of the city's profile")
        if self.industry_chain and self.industry_chain not in city.industry_chains:
            raise Invalid.field("startup.industry_chain", "MALFORMED", "not an industry chain of the city's profile")
        if self.founded_date is not None and self.founded_date > today:
            raise Invalid.field("startup.founded_date", "DATE_OUT_OF_RANGE", "after today")


class RegisterStartup(Value):
    """Asks to enter a startup into the register."""

    startup: StartupSpec = StartupSpec()


class UpdateStartup(Value):
    """Asks to change a startup."""

    name: StartupName
    startup: StartupSpec = StartupSpec()
    update_mask: Mask
    etag: Etag = ""


class GetStartup(Value):
    """Asks for one startup."""

    name: StartupName


class BatchGetStartups(Value):
    """Asks for several startups."""

    names: Annotated[tuple[StartupName, ...], Field(max_length=200)]


class ListStartups(Listing):
    """Asks for a page of startups."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    stage: Stage | None = None
    district: DistrictName = ""
    technology_field: Code = ""
    credit_code: CreditCode = ""
    space: SpaceName | None = None


class Residency(Value):
    """A stay in a space, as the space tells it; `sequence` is the version of the tenancy last heard of."""

    tenancy: str
    sequence: int
    space: str
    space_display_name: str
    start_date: Day
    end_date: Day | None = None
    state: ResidencyState


class Startup(Entity):
    """A team, or the firm that it has become; it keeps its name for life."""

    reached_by: ClassVar[tuple[str, ...]] = ("name", "district")

    display_name: str
    credit_code: str | None
    district: str
    technology_field: str
    industry_chain: str
    founded_date: Day | None = None
    stays: tuple[Residency, ...] = ()
    residency: Residency | None = None

    @property
    def stage(self) -> Stage:
        """A firm is who has a credit code."""
        return Stage.FIRM if self.credit_code else Stage.TEAM

    def living(self, told: Residency) -> Self:
        """The startup with the stay it was told of, unless it knows of something newer of this one.

        It lives where its latest stay is. Whatever the order in which it is told, the outcome is the same.
        """
        known = {stay.tenancy: stay for stay in self.stays}
        before = known.get(told.tenancy)
        if before is not None and told.sequence <= before.sequence:
            return self
        known[told.tenancy] = told
        return self.with_(stays=tuple(known.values()), residency=max(known.values(), key=_lateness))


def _lateness(stay: Residency) -> tuple[bool, date, str]:
    """A stay whose two days are the same never began, and comes before any that did."""
    return stay.end_date != stay.start_date, stay.start_date, stay.tenancy


class StartupRegistered(Fact):
    """A team or a firm entered the register."""

    display_name: str
    stage: Stage
    credit_code: str | None
    district: str
    technology_field: str
    industry_chain: str
    founded_date: date | None


class StartupUpdated(StartupRegistered):
    """A startup changed what it says of itself, or became a firm."""


def register_startup(ask: RegisterStartup, city: City, *, name: str, today: date) -> Change[Startup]:
    """Enter a team or a firm into the register."""
    spec = ask.startup
    spec.must_fit(city, today)
    startup = Startup(name=name, **{**dict(spec), "credit_code": spec.credit_code or None})
    return Change(startup, saves=(startup,), facts=(StartupRegistered.of(startup),))


def update_startup(startup: Startup, ask: UpdateStartup, city: City, *, today: date) -> Change[Startup]:
    """Change the fields that the mask names; a team that names a code becomes a firm, a code once set stays."""
    startup.must_match(ask.etag)
    fields = dict(ask.startup.chosen(ask.update_mask))
    code = fields.get("credit_code", startup.credit_code) or None
    if startup.credit_code and code != startup.credit_code:
        raise Precondition("CREDIT_CODE_FIXED", "a credit code once set stays", name=startup.name)
    changed = startup.with_(**{**fields, "credit_code": code})
    _spec_of(changed).must_fit(city, today)
    return Change(changed, saves=(changed,), facts=(StartupUpdated.of(changed),))


def _spec_of(startup: Startup) -> StartupSpec:
    fields = {name: getattr(startup, name) for name in StartupSpec.model_fields}
    return StartupSpec.model_validate({**fields, "credit_code": startup.credit_code or ""})


def note_residency(startup: Startup, told: Residency) -> Change[None]:
    """Take over where a startup lives, unless something newer is known."""
    changed = startup.living(told)
    return Change(None, saves=(changed,) if changed is not startup else ())

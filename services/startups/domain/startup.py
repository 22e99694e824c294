"""The startup: its legal identity, and where it stays."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints

from libs.common.domain.dates import Day
from libs.common.domain.entity import Change, Entity, Fact, PageQuery, Spec, UpdateMask, Value
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.names import Code, DistrictName, Etag
from libs.common.domain.profile import City
from libs.common.domain.text import Title
from services.startups.domain.credit_code import CreditCode, CreditCodeCheck, check_of, ensure_check_digit
from services.startups.domain.mentoring import ForgottenMentor, MentorRelation, latest_first
from services.startups.domain.names import SpaceName, StartupName
from services.startups.domain.residency import Residency, latest


class Stage(StrEnum):
    """The legal status of a startup."""

    TEAM = "TEAM"
    FIRM = "FIRM"


class CreditCodeCorrection(StrEnum):
    """Why a credit code was corrected."""

    MISTYPED = "MISTYPED"
    WRONG_STARTUP = "WRONG_STARTUP"
    REISSUED = "REISSUED"


class StartupSpec(Spec):
    """The client-settable part of a startup.

    A credit code whose check digit does not fit is accepted here, because a confirmed one must survive
    reading the startup and writing it back. `ensure_check_digit` refuses a new one.
    """

    required = ("display_name", "district", "technology_field")

    display_name: Title = ""
    credit_code: CreditCode = ""
    district: DistrictName = ""
    technology_field: Code = ""
    industry_chain: Code = ""
    founded_date: date | None = None

    def ensure_valid(self, city: City, today: date) -> None:
        """Refuse missing required fields, codes that the city's profile does not have, and a founding in the future."""
        self.ensure_complete("startup")
        if not city.is_district(self.district):
            raise Invalid.field("startup.district", "MALFORMED", "not a district of the city")
        if self.technology_field not in city.technology_fields:
            raise Invalid.field("startup.technology_field", "MALFORMED", "not a technology field of the city's profile")
        if self.industry_chain and self.industry_chain not in city.industry_chains:
            raise Invalid.field("startup.industry_chain", "MALFORMED", "not an industry chain of the city's profile")
        if self.founded_date is not None and self.founded_date > today:
            raise Invalid.field("startup.founded_date", "DATE_OUT_OF_RANGE", "after today")


class RegisterStartup(Value):
    """Register a team or a firm."""

    startup: StartupSpec = StartupSpec()


class UpdateStartup(Value):
    """Change a startup."""

    name: StartupName
    startup: StartupSpec = StartupSpec()
    update_mask: UpdateMask
    etag: Etag = ""


class ConfirmCreditCode(Value):
    """Record a credit code as it reads on the business licence."""

    name: StartupName
    credit_code: Annotated[CreditCode, StringConstraints(min_length=1)]
    etag: Etag = ""


class CorrectCreditCode(Value):
    """Replace or remove a wrong credit code."""

    name: StartupName
    credit_code: CreditCode = ""
    correction_reason: CreditCodeCorrection
    etag: Etag = ""


class GetStartup(Value):
    """Read one startup."""

    name: StartupName


class BatchGetStartups(Value):
    """Read several startups."""

    names: Annotated[tuple[StartupName, ...], Field(max_length=200)]


class ListStartups(PageQuery):
    """Read a page of startups."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    stage: Stage | None = None
    district: DistrictName = ""
    technology_field: Code = ""
    credit_code: CreditCode = ""
    space: SpaceName | None = None


class Startup(Entity):
    """A team, or the firm that it has become. It keeps its resource name when it becomes a firm."""

    scoped_by: ClassVar[tuple[str, ...]] = ("name", "district")

    display_name: str
    credit_code: str | None = None
    credit_code_check: CreditCodeCheck | None = None
    district: str
    technology_field: str
    industry_chain: str
    founded_date: Day | None = None
    stays: tuple[Residency, ...] = ()
    residency: Residency | None = None
    relations: tuple[MentorRelation, ...] = ()

    @property
    def mentors(self) -> tuple[MentorRelation, ...]:
        """The mentors whose consultations were confirmed, the one of the last consultation first."""
        return latest_first(self.relations)

    @property
    def last_confirmed_consultation_date(self) -> Day | None:
        """The day of the last confirmed consultation."""
        return self.mentors[0].last_date if self.mentors else None

    @property
    def stage(self) -> Stage:
        """FIRM with a credit code, TEAM without one."""
        return Stage.FIRM if self.credit_code else Stage.TEAM

    def with_code(self, code: str) -> Self:
        """Copy the startup with a credit code, or as a team without one."""
        return self.with_(credit_code=code or None, credit_code_check=check_of(code) if code else None)

    def with_residency(self, reported: Residency) -> Self:
        """Copy the startup with a reported stay, unless a newer report of the same tenancy is known.

        The result does not depend on the order of the reports. The residency is the latest stay that began.
        """
        known = {stay.tenancy: stay for stay in self.stays}
        before = known.get(reported.tenancy)
        if before is not None and reported.sequence <= before.sequence:
            return self
        known[reported.tenancy] = reported
        return self.with_(stays=tuple(known.values()), residency=latest(known.values()))

    def with_relation(self, reported: MentorRelation) -> Self:
        """Copy the startup with a reported relation to a mentor, unless a newer report of it is known.

        The result does not depend on the order of the reports.
        """
        known = {relation.mentor: relation for relation in self.relations}
        before = known.get(reported.mentor)
        if reported.sequence <= (before.sequence if before else 0):
            return self
        known[reported.mentor] = reported
        return self.with_(relations=tuple(known[mentor] for mentor in sorted(known)))


class StartupRegistered(Fact):
    """A team or a firm was registered."""

    display_name: str
    stage: Stage
    credit_code: str | None
    credit_code_check: CreditCodeCheck | None
    district: str
    technology_field: str
    industry_chain: str
    founded_date: date | None


class StartupUpdated(StartupRegistered):
    """The description of a startup changed, or it became a firm."""


class StartupCreditCodeCorrected(StartupRegistered):
    """A wrong credit code was replaced or removed."""

    previous_credit_code: str | None
    correction_reason: CreditCodeCorrection


def register(command: RegisterStartup, city: City, *, name: str, today: date) -> Change[Startup]:
    """Register a team or a firm."""
    spec = command.startup
    spec.ensure_valid(city, today)
    ensure_check_digit("startup.credit_code", spec.credit_code)
    startup = Startup(name=name, **dict(spec) | {"credit_code": None}).with_code(spec.credit_code)
    return Change(startup, saves=(startup,), facts=(StartupRegistered.of(startup),))


def update(startup: Startup, command: UpdateStartup, city: City, *, today: date) -> Change[Startup]:
    """Change the fields that the mask names. A team that is given a code becomes a firm.

    Refuses to change or remove a code that is set (CREDIT_CODE_FIXED).
    """
    startup.ensure_etag(command.etag)
    fields = dict(command.startup.masked(command.update_mask))
    code = fields.pop("credit_code", startup.credit_code) or ""
    changed = startup.with_(**fields)
    # Without the code: it was checked when it was set, and an unrelated change must not check it again.
    names = StartupSpec.model_fields.keys() - {"credit_code"}
    StartupSpec.model_validate({name: getattr(changed, name) for name in names}).ensure_valid(city, today)
    if code != (startup.credit_code or ""):
        _ensure_no_code(startup)
        ensure_check_digit("startup.credit_code", code)
        changed = changed.with_code(code)
    return Change(changed, saves=(changed,), facts=(StartupUpdated.of(changed),))


def confirm_credit_code(startup: Startup, command: ConfirmCreditCode) -> Change[Startup]:
    """Set a code as it reads on the licence, even if its 18th character does not fit.

    Refuses to change a code that is set (CREDIT_CODE_FIXED).
    """
    startup.ensure_etag(command.etag)
    if startup.credit_code == command.credit_code:
        return Change(startup)
    _ensure_no_code(startup)
    changed = startup.with_code(command.credit_code)
    return Change(changed, saves=(changed,), facts=(StartupUpdated.of(changed),))


def correct_credit_code(startup: Startup, command: CorrectCreditCode) -> Change[Startup]:
    """Replace or remove a wrong code. Refuses one whose 18th character does not fit; ConfirmCreditCode sets it."""
    startup.ensure_etag(command.etag)
    if command.credit_code == (startup.credit_code or ""):
        return Change(startup)
    ensure_check_digit("credit_code", command.credit_code)
    changed = startup.with_code(command.credit_code)
    fact = StartupCreditCodeCorrected.of(
        changed, previous_credit_code=startup.credit_code, correction_reason=command.correction_reason
    )
    return Change(changed, saves=(changed,), facts=(fact,))


def note_residency(startup: Startup, reported: Residency) -> Change[None]:
    """Record a reported stay. Repeated and older reports change nothing."""
    changed = startup.with_residency(reported)
    return Change(None, saves=(changed,) if changed is not startup else ())


def note_relation(startup: Startup, forgotten: ForgottenMentor | None, *, reported: MentorRelation) -> Change[None]:
    """Record a reported relation to a mentor, without the name of a forgotten one.

    Repeated and older reports change nothing.
    """
    if forgotten is not None:
        reported = reported.model_copy(update={"mentor_display_name": ""})
    changed = startup.with_relation(reported)
    return Change(None, saves=(changed,) if changed is not startup else ())


def forget_mentor(startup: Startup, *, mentor: str) -> Change[None]:
    """Remove the name of a mentor whose person was forgotten."""
    if not any(each.mentor == mentor and each.mentor_display_name for each in startup.relations):
        return Change(None)
    blank = {"mentor_display_name": ""}
    relations = (each.model_copy(update=blank) if each.mentor == mentor else each for each in startup.relations)
    return Change(None, saves=(startup.with_(relations=tuple(relations)),))


def _ensure_no_code(startup: Startup) -> None:
    if startup.credit_code:
        raise Precondition("CREDIT_CODE_FIXED", "the startup already has another credit code", name=startup.name)

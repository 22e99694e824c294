"""The secondment (双向兼职): a mentor works part of the time for a second organisation, if both consent."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from libs.calendar.local_time import midnight
from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Fact, PageQuery, Value
from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.names import DistrictName, Etag
from libs.common.domain.text import Line, Title
from services.mentors.domain.evidence import Evidence
from services.mentors.domain.mentor import OrganisationCode
from services.mentors.domain.names import MentorName, SecondmentName

#: How far from today a secondment may begin, and how long it may last.
MAX_LEAD, MAX_TERM = timedelta(days=3653), timedelta(days=3653)


class State(StrEnum):
    """The states of a secondment (clause 30 of the policy)."""

    PROPOSED = "PROPOSED"
    AGREED = "AGREED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class Party(StrEnum):
    """The two organisations whose consent a secondment needs."""

    HOME = "HOME"
    HOST = "HOST"


class EndReason(StrEnum):
    """Why a secondment ended. LAPSED: its days passed before both organisations had consented."""

    EXPIRED = "EXPIRED"
    LAPSED = "LAPSED"
    REFUSED = "REFUSED"
    RECALLED = "RECALLED"
    RELEASED = "RELEASED"
    RESIGNED = "RESIGNED"
    OTHER = "OTHER"


class Organisation(Value):
    """An organisation, with its unified social credit code where that is known."""

    display_name: Annotated[Title, StringConstraints(min_length=1)]
    credit_code: OrganisationCode = ""


class Consent(Value):
    """The consent of an organisation, proved by a document."""

    evidence: Evidence
    consent_date: Day
    record_time: datetime


class ProposeSecondment(Value):
    """Propose a secondment."""

    mentor: MentorName
    home: Organisation
    host: Organisation
    role: Annotated[Line, StringConstraints(min_length=1)]
    start_date: date
    end_date: date
    share_percent: Annotated[int, Field(ge=1, le=100)]

    def ensure_valid(self, today: date) -> None:
        """Refuse one organisation in both places, and days out of range."""
        codes = {self.home.credit_code, self.host.credit_code}
        if self.home.display_name == self.host.display_name or (len(codes) == 1 and codes != {""}):
            raise Invalid.field("host", "MALFORMED", "the home and the host are the same organisation")
        if abs(self.start_date - today) > MAX_LEAD:
            raise Invalid.field("start_date", "DATE_OUT_OF_RANGE", "more than ten years from today")
        if not self.start_date < self.end_date <= self.start_date + MAX_TERM:
            raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not within ten years after the first day")
        if self.end_date <= today:
            raise Invalid.field("end_date", "DATE_OUT_OF_RANGE", "not after today")


class RecordConsent(Value):
    """Record that an organisation consents."""

    name: SecondmentName
    party: Party
    evidence: Evidence
    consent_date: date | None = None
    etag: Etag = ""


class EndSecondment(Value):
    """End a secondment before its end date, or withdraw a proposal."""

    name: SecondmentName
    end_date: date | None = None
    end_reason: EndReason
    etag: Etag = ""


class GetSecondment(Value):
    """Read one secondment."""

    name: SecondmentName


class ListSecondments(PageQuery):
    """Read a page of secondments."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    states: Annotated[tuple[State, ...], Field(max_length=10)] = ()
    mentor: MentorName | None = None
    district: DistrictName = ""


class Secondment(Entity):
    """A secondment. `spaces` and `district` are the mentor's when it was proposed.

    `due_time` is when its state changes by itself.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor", "spaces", "district")

    mentor: str
    mentor_display_name: str
    spaces: tuple[str, ...] = ()
    district: str = ""
    home: Organisation
    host: Organisation
    role: str
    start_date: Day
    end_date: Day
    share_percent: int
    state: State = State.PROPOSED
    home_consent: Consent | None = None
    host_consent: Consent | None = None
    end_reason: EndReason | None = None
    due_time: datetime | None = None

    @property
    def is_agreed(self) -> bool:
        """Whether both organisations have consented."""
        return self.home_consent is not None and self.host_consent is not None

    def at(self, today: date, zone: ZoneInfo) -> Self:
        """Return the secondment in its state of that day, with the moment at which the state changes next."""
        if self.end_date <= max(today, self.start_date):
            reason = self.end_reason or (EndReason.EXPIRED if self.is_agreed else EndReason.LAPSED)
            return self.with_(state=State.ENDED, end_reason=reason, due_time=None)
        if self.is_agreed and today < self.start_date:
            return self.with_(state=State.AGREED, due_time=midnight(self.start_date, zone))
        state = State.ACTIVE if self.is_agreed else State.PROPOSED
        return self.with_(state=state, due_time=midnight(self.end_date, zone))

    def ensure_running(self) -> None:
        """Refuse a change of a secondment that is over (SECONDMENT_ENDED)."""
        if self.state is State.ENDED:
            raise Precondition("SECONDMENT_ENDED", "the secondment is over", end_date=self.end_date)


class SecondmentAgreed(Fact):
    """Both organisations consented to a secondment, or its agreed end was brought forward."""

    mentor: str
    mentor_display_name: str
    district: str
    home_display_name: str
    home_credit_code: str
    host_display_name: str
    host_credit_code: str
    start_date: date
    end_date: date
    share_percent: int

    @classmethod
    def about(cls, secondment: Secondment) -> Self:
        """Build the fact about a secondment."""
        return cls.of(
            secondment,
            home_display_name=secondment.home.display_name,
            home_credit_code=secondment.home.credit_code,
            host_display_name=secondment.host.display_name,
            host_credit_code=secondment.host.credit_code,
        )


class SecondmentEnded(SecondmentAgreed):
    """A secondment that both organisations had consented to is over."""

    end_reason: EndReason

"""The commands and queries of bookings."""

from typing import Annotated

from pydantic import Field, StringConstraints

from libs.calendar.interval import Instant, Interval, ensure_interval
from libs.common.domain.entity import PageQuery, Value
from libs.common.domain.names import Etag
from libs.common.domain.text import Line, Paragraphs, Title
from services.mentors.domain.consultation import EndReason, Kind, State
from services.mentors.domain.mentor import Format
from services.mentors.domain.names import ConsultationName, MentorName, SpaceName, StartupName

MAX_HOURS = 24


class TimeSpan(Value):
    """A time that a command asks for."""

    start_time: Instant
    end_time: Instant

    @property
    def interval(self) -> Interval:
        """The time as an interval. Refuses one that is empty or longer than a day (DATE_OUT_OF_RANGE)."""
        interval = Interval(start=self.start_time, end=self.end_time)
        ensure_interval(interval, "end_time", max_hours=MAX_HOURS)
        return interval


class RequestConsultation(TimeSpan):
    """Ask a mentor for a consultation."""

    mentor: MentorName
    startup: StartupName
    kind: Kind
    format: Format
    topic: Annotated[Title, StringConstraints(min_length=1)]
    question: Paragraphs = ""
    place: Line = ""


class AcceptConsultation(Value):
    """Agree to a request."""

    name: ConsultationName
    etag: Etag = ""


class DeclineConsultation(Value):
    """Refuse a request, or take back a proposed time."""

    name: ConsultationName
    end_reason: EndReason
    etag: Etag = ""


class ProposeTime(TimeSpan):
    """Offer the startup another time."""

    name: ConsultationName
    etag: Etag = ""


class AcceptProposedTime(Value):
    """Agree to the time that the mentor proposed."""

    name: ConsultationName
    etag: Etag = ""


class WithdrawConsultation(Value):
    """Take back a request that is not scheduled yet."""

    name: ConsultationName
    etag: Etag = ""


class MoveConsultation(TimeSpan):
    """Ask for another time."""

    name: ConsultationName
    etag: Etag = ""


class CancelConsultation(Value):
    """Cancel what was scheduled, or record that it did not take place."""

    name: ConsultationName
    end_reason: EndReason
    etag: Etag = ""


class GetConsultation(Value):
    """Read one consultation."""

    name: ConsultationName


class ListConsultations(PageQuery):
    """Read a page of consultations. Those are listed that begin at `from_time` or later, and before `to_time`."""

    order_by: Annotated[str, StringConstraints(max_length=40)] = ""
    mentor: MentorName | None = None
    startup: StartupName | None = None
    space: SpaceName | None = None
    states: Annotated[tuple[State, ...], Field(max_length=20)] = ()
    kind: Kind | None = None
    from_time: Instant | None = None
    to_time: Instant | None = None

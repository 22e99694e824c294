"""The consultation: a mentor advises one or more startups in a period, on record."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints

from libs.common.domain.dates import Day
from libs.common.domain.entity import Entity, Value
from libs.common.domain.text import Line
from services.mentors.domain.evidence import Evidence, MissingEvidence, missing_evidence
from services.mentors.domain.mentor import Format
from services.mentors.domain.names import StartupName


class Kind(StrEnum):
    """What a consultation is (clause 34 of the policy): 咨询, 诊断, 辅导."""

    CONSULTING = "CONSULTING"
    DIAGNOSIS = "DIAGNOSIS"
    COACHING = "COACHING"


class State(StrEnum):
    """The states of a consultation.

    REQUESTED and PROPOSED wait for the mentor and for the startup and occupy their time, as SCHEDULED does. HELD is
    over and not logged yet. DISPUTED until each dispute is resolved; CLOSED without any confirmation.
    """

    REQUESTED = "REQUESTED"
    PROPOSED = "PROPOSED"
    SCHEDULED = "SCHEDULED"
    HELD = "HELD"
    LOGGED = "LOGGED"
    CONFIRMED = "CONFIRMED"
    DISPUTED = "DISPUTED"
    CLOSED = "CLOSED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


#: The states in which a consultation occupies its mentor's time.
OCCUPYING = frozenset(State) - {State.DECLINED, State.WITHDRAWN, State.CANCELLED, State.EXPIRED}
#: The states of a consultation that is on record.
RECORDED = frozenset({State.LOGGED, State.CONFIRMED, State.DISPUTED, State.CLOSED})


class EndReason(StrEnum):
    """Why a request was declined or an appointment cancelled. ABSENT: somebody did not come."""

    MENTOR_UNAVAILABLE = "MENTOR_UNAVAILABLE"
    STARTUP_UNAVAILABLE = "STARTUP_UNAVAILABLE"
    OUTSIDE_EXPERTISE = "OUTSIDE_EXPERTISE"
    CONFLICT_OF_INTEREST = "CONFLICT_OF_INTEREST"
    NO_LONGER_NEEDED = "NO_LONGER_NEEDED"
    MENTOR_ABSENT = "MENTOR_ABSENT"
    STARTUP_ABSENT = "STARTUP_ABSENT"
    OTHER = "OTHER"


class ServiceState(StrEnum):
    """What a startup says of its service. UNCONFIRMED: it did not answer in time; REJECTED: its dispute was upheld."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    DISPUTED = "DISPUTED"
    UNCONFIRMED = "UNCONFIRMED"
    REJECTED = "REJECTED"


class Service(Value):
    """What one startup received. `space` is where it was a tenant on the day; empty if nowhere.

    `district` and `zone` are the space's, or the startup's if it was no tenant. It counts while it is CONFIRMED.
    """

    startup: str
    startup_display_name: str
    space: str = ""
    district: str = ""
    zone: str = ""
    state: ServiceState = ServiceState.PENDING
    rating: int = 0
    comment: str = ""
    dispute_reason: str = ""
    answer_time: datetime | None = None

    def seen_from(self, scopes: Collection[str]) -> Self:
        """Copy the service without what the startup says of it, unless it is within these scopes."""
        if any(name in scopes for name in (self.startup, self.space, self.district, self.zone) if name):
            return self
        return self.model_copy(update={"rating": 0, "comment": "", "dispute_reason": ""})


class Participant(Value):
    """Somebody who took part; the startup is empty for others."""

    display_name: Annotated[Line, StringConstraints(min_length=1)]
    startup: StartupName | None = None


class NextStep(Value):
    """Something that was agreed to be done by a day. Open until it is done."""

    text: Annotated[Line, StringConstraints(min_length=1)]
    due_date: Day | None = None
    done_date: Day | None = None


class Move(Value):
    """A time that the consultation had before it was moved. `moved_by` is the name of the mentor or the startup."""

    start_time: datetime
    end_time: datetime
    moved_by: str
    move_time: datetime


class Correction(Value):
    """What the record said before it was corrected."""

    correct_time: datetime
    start_time: datetime
    end_time: datetime
    kind: Kind
    topic: str
    result: str
    advice: str
    format: Format | None = None
    place: str = ""
    problem: str = ""
    participants: tuple[Participant, ...] = ()
    next_steps: tuple[NextStep, ...] = ()


class Consultation(Entity):
    """A consultation from its request to its confirmation.

    It occupies [start_time, end_time) of its mentor while its state is in OCCUPYING. `walk_in` was never requested
    here. `appointed` tells whether the mentor had a valid appointment on the day, by the city's calendar. `due_time`
    is when its state changes by itself.
    """

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor", "startups", "spaces", "districts")

    mentor: str
    mentor_display_name: str
    startups: tuple[str, ...]
    spaces: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    kind: Kind
    format: Format
    topic: str
    question: str = ""
    place: str = ""
    start_time: datetime
    end_time: datetime
    state: State
    walk_in: bool = False
    appointed: bool = False
    moves: tuple[Move, ...] = ()
    end_reason: EndReason | None = None
    participants: tuple[Participant, ...] = ()
    problem: str = ""
    advice: str = ""
    result: str = ""
    next_steps: tuple[NextStep, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    corrections: tuple[Correction, ...] = ()
    log_time: datetime | None = None
    due_time: datetime | None = None

    @property
    def minutes(self) -> int:
        """The length in whole minutes."""
        return int((self.end_time - self.start_time).total_seconds()) // 60

    def seen_from(self, scopes: Collection[str] | None) -> Self:
        """Copy the consultation as it is shown within these scopes; None for no limit.

        The mentor's side sees everything, others the ratings, comments and disputes of their own startups only.
        """
        if scopes is None or self.mentor in scopes:
            return self
        return self.with_(services=tuple(service.seen_from(scopes) for service in self.services))

    @property
    def missing_evidence(self) -> tuple[MissingEvidence, ...]:
        """What an audit of the record would miss; nothing before there is a record."""
        if self.state not in RECORDED:
            return ()
        claimed = [service.state for service in self.services if service.state is not ServiceState.REJECTED]
        is_confirmed = bool(claimed) and set(claimed) == {ServiceState.CONFIRMED}
        return missing_evidence(self.evidence, is_confirmed=is_confirmed)


Ratings = Annotated[int, Field(ge=0, le=5)]

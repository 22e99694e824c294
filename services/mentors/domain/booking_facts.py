"""The facts of bookings. They hold no text that people wrote."""

from datetime import datetime
from typing import Self

from libs.common.domain.entity import Fact
from services.mentors.domain.consultation import Consultation, EndReason, Kind, State
from services.mentors.domain.mentor import Format


class ConsultationRequested(Fact):
    """A consultation was requested, or has another time than before. `state` says which side has to answer."""

    mentor: str
    mentor_display_name: str
    startup: str
    startup_display_name: str
    space: str
    district: str
    kind: Kind
    format: Format
    start_time: datetime
    end_time: datetime
    state: State

    @classmethod
    def about(cls, consultation: Consultation) -> Self:
        """Return the fact of a consultation that one startup requested."""
        [service] = consultation.services
        return cls.of(
            consultation,
            startup=service.startup,
            startup_display_name=service.startup_display_name,
            space=service.space,
            district=service.district,
        )


class ConsultationScheduled(ConsultationRequested):
    """Both sides agreed on the time."""


class ConsultationEnded(ConsultationRequested):
    """A request was declined, withdrawn or not answered in time, or a consultation was cancelled; see `state`."""

    end_reason: EndReason | None

"""The facts of records. They hold no text that people wrote."""

from typing import Self

from libs.common.domain.dates import Day
from libs.common.domain.entity import Fact
from services.mentors.domain.consultation import Consultation, Kind, Service, State
from services.mentors.domain.mentee import Relation
from services.mentors.domain.mentor import Format


class ConsultationLogged(Fact):
    """A consultation that was held is on record. It counts once a startup has confirmed it."""

    mentor: str
    mentor_display_name: str
    startups: tuple[str, ...]
    spaces: tuple[str, ...]
    districts: tuple[str, ...]
    kind: Kind
    format: Format
    date: Day
    minutes: int
    walk_in: bool
    appointed: bool


class ConsultationCorrected(ConsultationLogged):
    """A record was corrected before it was confirmed. The fields are those after the correction."""


class ConsultationClosed(ConsultationLogged):
    """No startup has confirmed the record in time. It does not count."""


class ConsultationConfirmed(Fact):
    """A startup has confirmed the record, or its dispute was dismissed. Its service counts from now on.

    The relation is that of the startup to the mentor after it. `state` is that of the consultation.
    """

    mentor: str
    mentor_display_name: str
    startup: str
    space: str
    district: str
    kind: Kind
    date: Day
    minutes: int
    appointed: bool
    state: State
    relation_sessions: int
    relation_minutes: int
    relation_last_date: Day | None
    relation_sequence: int

    @classmethod
    def about(cls, consultation: Consultation, service: Service, day: Day, relation: Relation | None) -> Self:
        """Return the fact of one startup's service. There is no relation before anything was confirmed."""
        return cls.of(
            consultation,
            startup=service.startup,
            space=service.space,
            district=service.district,
            date=day,
            relation_sessions=relation.sessions if relation else 0,
            relation_minutes=relation.minutes if relation else 0,
            relation_last_date=relation.last_date if relation and relation.sessions else None,
            relation_sequence=relation.sequence if relation else 0,
        )


class ConsultationDisputed(ConsultationConfirmed):
    """A startup disputes the record. If it had confirmed it before, its service no longer counts."""


class ConsultationRejected(ConsultationConfirmed):
    """A startup's dispute was upheld. Its service does not count."""

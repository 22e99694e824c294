"""Confirmed sessions of one mentor or several, and the figures that follow from them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from services.mentors.domain.consultation import Consultation, Kind, Service, ServiceState, State
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Format
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.tally import confirm, day_of, reject, year_name

ZONE = ZoneInfo("Asia/Shanghai")
MENTOR = "mentors/m1"
LONGTAN, FENGMAN, HIGH_TECH = "districts/220203", "districts/220211", "districts/220272"
HUB, DOCK = "spaces/hub", "spaces/dock"
NINE = datetime(2026, 3, 5, 1, tzinfo=UTC)  # nine o'clock in the city


def service(startup: str = "startups/a1", space: str = HUB, district: str = LONGTAN, **fields: object) -> Service:
    """Return a service that the startup confirmed."""
    values = {"state": ServiceState.CONFIRMED, "rating": 5, **fields}
    return Service.model_validate(
        {"startup": startup, "startup_display_name": "松江碳材", "space": space, "district": district, **values}
    )


def session(
    *services: Service,
    start: datetime = NINE,
    minutes: int = 45,
    kind: Kind = Kind.COACHING,
    appointed: bool = True,
    name: str = "consultations/c1",
    mentor: str = MENTOR,
) -> Consultation:
    """Return a recorded session with these services."""
    return Consultation(
        name=name,
        mentor=mentor,
        mentor_display_name="李明",
        startups=tuple(each.startup for each in services),
        spaces=tuple(sorted({each.space for each in services} - {""})),
        districts=tuple(sorted({name for each in services for name in (each.district, each.zone)} - {""})),
        services=services,
        kind=kind,
        format=Format.ON_SITE,
        topic="融资准备",
        start_time=start,
        end_time=start + timedelta(minutes=minutes),
        state=State.CONFIRMED,
        appointed=appointed,
    )


class Books:
    """The figures of mentors' years and of the startups, changed one answer at a time."""

    def __init__(self) -> None:
        self.years: dict[str, MentorYear] = {}
        self.mentees: dict[str, Mentee] = {}

    def confirm(self, consultation: Consultation, answer: Service) -> None:
        """Add a service."""
        year = year_name(consultation.mentor, day_of(consultation.start_time, ZONE).year)
        known = self.years.get(year), self.mentees.get(answer.startup)
        self.years[year], self.mentees[answer.startup] = confirm(*known, consultation, answer, zone=ZONE)

    def reject(self, consultation: Consultation, answer: Service) -> None:
        """Take a service back."""
        year = year_name(consultation.mentor, day_of(consultation.start_time, ZONE).year)
        known = self.years[year], self.mentees[answer.startup]
        self.years[year], self.mentees[answer.startup] = reject(*known, consultation, answer, zone=ZONE)

    def confirm_all(self, answers: Sequence[tuple[Consultation, Service]]) -> None:
        """Add services one after another, each knowing which others of its session are confirmed by then."""
        done: dict[str, list[Service]] = defaultdict(list)
        for consultation, answer in answers:
            done[consultation.name].append(answer)
            self.confirm(consultation.with_(services=tuple(done[consultation.name])), answer)

    def summary(self) -> tuple[object, object]:
        """Return everything that readers see, without what is empty and without the sequences."""
        years = {name: year for name, year in self.years.items() if year.tallies}
        mentees = {
            name: ([each.model_copy(update={"sequence": 0}) for each in found.relations if each.sessions], found.years)
            for name, found in self.mentees.items()
            if found.years
        }
        return years, mentees


_PLACES = st.sampled_from([(HUB, LONGTAN, ""), (DOCK, LONGTAN, HIGH_TECH), ("", FENGMAN, ""), ("", "", "")])


@st.composite
def sessions(draw: st.DrawFn) -> list[Consultation]:
    """Draw sessions of one mentor in two years, each with up to three startups."""
    drawn = []
    for number in range(draw(st.integers(1, 6))):
        startups = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True))
        services = []
        for startup in startups:
            space, district, zone = draw(_PLACES)
            rating = draw(st.integers(0, 5))
            services.append(service(f"startups/a{startup}", space, district, zone=zone, rating=rating))
        start = NINE + timedelta(days=draw(st.integers(0, 500)), minutes=draw(st.integers(0, 1439)))
        drawn.append(
            session(
                *services,
                start=start,
                minutes=draw(st.integers(15, 300)),
                kind=draw(st.sampled_from(Kind)),
                appointed=draw(st.booleans()),
                name=f"consultations/c{number}",
            )
        )
    return drawn


def answers_of(held: Sequence[Consultation]) -> list[tuple[Consultation, Service]]:
    """Return every service with its session."""
    return [(each, answer) for each in held for answer in each.services]

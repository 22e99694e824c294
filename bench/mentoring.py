"""The mentors of a city with a year of consultations, as values of the domain; the same day gives the same city."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bench.dataset import CLOCK, ZONE
from libs.calendar.hours import Closure, Hours
from libs.calendar.page import CalendarPage, Entry, page_names
from libs.common.domain.dates import midnight
from libs.common.domain.profile import read_profile
from services.mentors.domain.availability import Availability
from services.mentors.domain.consultation import (
    OCCUPYING,
    Consultation,
    Kind,
    NextStep,
    Participant,
    Service,
    ServiceState,
    State,
)
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.mentor import Affiliation, Appointment, Format, Mentor
from services.mentors.domain.mentor import State as MentorState
from services.mentors.domain.profile import MentorsProfile
from services.mentors.domain.record import services_for, with_services
from services.mentors.domain.residence import Residence, Stay
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Stage, Startup
from tests.support.processes import ROOT

PROFILE = read_profile(ROOT / "profiles" / "jilin")
RULES = PROFILE.section("mentors", MentorsProfile)
FIELDS, CHAINS = tuple(PROFILE.city.technology_fields), tuple(PROFILE.city.industry_chains)
DISTRICTS = tuple(name for name in PROFILE.city.districts if PROFILE.city.is_district(name))
KINDS, SKILLS = tuple(RULES.kinds), tuple(RULES.skills)

STARTUPS_PER_MENTOR, TENANTS = 10, 100
#: Sessions of each mentor in the last calendar year, and how many days before and after today have some more.
SESSIONS_PER_YEAR, NEAR = 100, 21
#: The startups that a mentor advises again and again: neighbours, and some from all over the city.
NEIGHBOURS, OTHERS = 10, 10
HOURS, LENGTHS = (9, 10, 14, 15), (30, 45, 60, 60, 60)
#: What becomes of a session, with the share up to which it does.
OUTCOMES = (
    (0.90, State.CONFIRMED, ServiceState.CONFIRMED),
    (0.95, State.CLOSED, ServiceState.UNCONFIRMED),
    (0.99, State.CANCELLED, ServiceState.PENDING),
    (1.00, State.DECLINED, ServiceState.PENDING),
)
RATINGS = (0, 3, 4, 4, 5, 5)
PROBLEM = "产品已有三家试用客户，但没有定价依据，也不清楚应先做渠道还是先做标杆项目。"
ADVICE = (
    "先和三家试用客户签订有偿试点协议，用试点数据确定按年订阅的价格区间；渠道放到第二季度，期间由一人专职跟进标杆项目。"
)
RESULT = "团队同意在两周内完成试点协议，下次会面审阅报价单和第一批数据。"
BIOGRAPHY = "曾任研发负责人和事业部总经理，主持过多条中试线的建设与量产，熟悉从样品到订单的各个环节。" * 4


@dataclass(frozen=True, slots=True)
class Mentoring:
    """A number of mentors with ten startups each, four in five of them tenants of spaces, and their consultations.

    Each mentor has a hundred sessions in the last calendar year, and four a week from three weeks before today to three
    weeks after it.
    """

    mentors: int
    today: date

    @property
    def year(self) -> int:
        """The year of which all is known."""
        return self.today.year - 1

    @property
    def startups(self) -> int:
        """How many startups there are."""
        return self.mentors * STARTUPS_PER_MENTOR

    @property
    def spaces(self) -> int:
        """How many spaces there are."""
        return max(1, self.startups // TENANTS)

    def mentor_name(self, number: int) -> str:
        """Return the name of a mentor."""
        return f"mentors/c{number:05d}"

    def startup_name(self, number: int) -> str:
        """Return the name of a startup."""
        return f"startups/c{number:06d}"

    def space_name(self, number: int) -> str:
        """Return the name of a space."""
        return f"spaces/c{number:04d}"

    # --- mentors ------------------------------------------------------------------------------

    def mentor(self, number: int) -> Mentor:
        """Return a mentor who was appointed five years ago, and again two years ago, by a space of the city."""
        chance = random.Random(f"mentor {number}")
        return new_mentor(self.mentor_name(number), self.today, self.space_name(number % self.spaces)).with_(
            display_name=_mentor_display_name(number),
            kind=chance.choice(KINDS),
            district=chance.choice(DISTRICTS),
            technology_fields=tuple(chance.sample(FIELDS, chance.randint(1, 2))),
            industry_chains=tuple(chance.sample(CHAINS, chance.randint(0, 1))),
            skills=tuple(chance.sample(SKILLS, 3)),
            languages=("zh", "en") if chance.random() < 0.3 else ("zh",),
            stages=tuple(Stage) if chance.random() < 0.5 else (Stage.TEAM,),
            offered_minutes_per_month=chance.choice((0, 600, 1200, 2400)),
        )

    def availability(self, number: int) -> Availability | None:
        """Return the hours that a mentor has set: every second one has, with a week of holidays next month."""
        if number % 2:
            return None
        name = self.mentor_name(number)
        away = Closure(start_date=self.today + timedelta(days=30), end_date=self.today + timedelta(days=37))
        hours = Hours(weekly=RULES.availability.weekly, closures=(away,), observes_holidays=True, time_zone=ZONE.key)
        return Availability(name=f"{name}/availability", mentor=name, hours=hours, rules=RULES.availability.rules)

    # --- startups -----------------------------------------------------------------------------

    def space(self, number: int) -> Space:
        """Return a space."""
        district = DISTRICTS[number % len(DISTRICTS)]
        named = f"江城孵化器 {number}"
        return Space(name=self.space_name(number), display_name=named, kind="INCUBATOR", district=district, sequence=1)

    def startup(self, number: int) -> Startup:
        """Return a startup."""
        chance = random.Random(f"startup {number}")
        return Startup(
            name=self.startup_name(number),
            display_name=_startup_display_name(number),
            stage=chance.choice(tuple(Stage)),
            district=DISTRICTS[number // TENANTS % len(DISTRICTS)],
            technology_field=chance.choice(FIELDS),
            industry_chain=chance.choice(("", *CHAINS)),
            sequence=1,
        )

    def residence(self, number: int) -> Residence | None:
        """Return where a startup has been a tenant for three years; every fifth one is no tenant."""
        if number % 5 == 4:
            return None
        space, since = self.space_name(number // TENANTS), self.today - timedelta(days=3 * 365)
        stay = Stay(tenancy=f"{space}/tenancies/c{number:06d}", sequence=1, space=space, start_date=since)
        return Residence(name=self.startup_name(number), stays=(stay,))

    # --- consultations ------------------------------------------------------------------------

    def consultations(self, mentor: int) -> list[Consultation]:
        """Return the consultations of a mentor in the order of time. No two are on the same day."""
        chance = random.Random(f"consultations {mentor}")
        clients = [(mentor * STARTUPS_PER_MENTOR + at) % self.startups for at in range(NEIGHBOURS)]
        clients += [chance.randrange(self.startups) for _ in range(OTHERS)]
        name = self.mentor_name(mentor).partition("/")[2]
        return [
            self._consultation(mentor, f"consultations/{name}x{number:03d}", day, clients, chance)
            for number, day in enumerate(self._days(chance))
        ]

    def _days(self, chance: random.Random) -> Iterator[date]:
        first = date(self.year, 1, 1)
        for offset in sorted(chance.sample(range(365), SESSIONS_PER_YEAR)):
            yield first + timedelta(days=offset)
        for offset in range(-NEAR, NEAR + 1):
            day = self.today + timedelta(days=offset)
            if offset and day.year > self.year and day.weekday() in {0, 1, 3, 4}:
                yield day

    def _consultation(
        self, mentor: int, name: str, day: date, clients: list[int], chance: random.Random
    ) -> Consultation:
        startups = sorted({chance.choice(clients) for _ in range(2 if chance.random() < 0.1 else 1)})
        start = datetime.combine(day, time(chance.choice(HOURS)), ZONE)
        record = new_record(name, start, chance.choice(LENGTHS)).with_(
            mentor=self.mentor_name(mentor),
            mentor_display_name=_mentor_display_name(mentor),
            kind=chance.choice(tuple(Kind)),
        )
        residences = [self.residence(startup) for startup in startups]
        record = with_services(record, services_for(map(self.startup, startups), residences, day))
        share = chance.random()
        state, answer = next((state, answer) for most, state, answer in OUTCOMES if share <= most)
        if day > self.today:
            return record.with_(**BOOKED, due_time=record.end_time)
        if state not in OCCUPYING:
            return record.with_(**BOOKED | {"state": state})
        services = tuple(_answered(service, answer, start, chance) for service in record.services)
        return record.with_(state=state, services=services)

    def pages(self, consultations: list[Consultation]) -> list[CalendarPage]:
        """Return the calendar pages of a mentor."""
        entries: dict[str, list[Entry]] = {}
        for each in consultations:
            if each.state in OCCUPYING:
                entry = Entry(holder=each.name, person=each.startups[0], start=each.start_time, end=each.end_time)
                for name in page_names(each.mentor, entry.interval, ZONE):
                    entries.setdefault(name, []).append(entry)
        return [CalendarPage.empty(name).with_(entries=tuple(some)) for name, some in entries.items()]


#: What a consultation is without that has not been logged.
BOOKED = {
    "state": State.SCHEDULED,
    "participants": (),
    "problem": "",
    "advice": "",
    "result": "",
    "next_steps": (),
    "evidence": (),
    "log_time": None,
}


def new_mentor(name: str, today: date, appointer: str) -> Mentor:
    """Return a mentor with two appointments, of which the second is valid today."""
    terms = (today - timedelta(days=5 * 365), today - timedelta(days=2 * 365), today + timedelta(days=365))
    appointments = tuple(
        Appointment(
            appointer=appointer,
            body="江城孵化器运营公司",
            certificate_number=f"{name.partition('/')[2]}-{at}",
            start_date=terms[at],
            end_date=terms[at + 1],
        )
        for at in range(2)
    )
    return Mentor(
        name=name,
        display_name="林江",
        kind=KINDS[0],
        district=DISTRICTS[0],
        title="高级工程师",
        organisation="松江新材料研究院",
        affiliations=(
            Affiliation(organisation="松江新材料研究院", role="工程师"),
            Affiliation(organisation="北江大学", role="兼职教授"),
        ),
        biography_zh=BIOGRAPHY,
        formats=(Format.ON_SITE, Format.VIDEO),
        state=MentorState.APPOINTED,
        nominator=appointer,
        spaces=(appointer,),
        appointments=appointments,
        due_time=midnight(terms[2], ZONE),
    )


def new_record(name: str, start: datetime, minutes: int) -> Consultation:
    """Return a session that was logged on the day after it."""
    end = start + timedelta(minutes=minutes)
    document = Evidence(kind=EvidenceKind.SIGN_IN_SHEET, link=f"https://files.example.org/{name}", sha256="0a" * 32)
    return Consultation(
        name=name,
        mentor="",
        mentor_display_name="",
        startups=(),
        kind=Kind.CONSULTING,
        format=Format.ON_SITE,
        topic="定价与市场进入",
        question="如何确定第一版价格？",
        place="江城孵化器 201 室",
        start_time=start,
        end_time=end,
        state=State.LOGGED,
        appointed=True,
        participants=(Participant(display_name="李想"), Participant(display_name="周宁")),
        problem=PROBLEM,
        advice=ADVICE,
        result=RESULT,
        next_steps=(NextStep(text="起草试点协议", due_date=start.date() + timedelta(days=14)),),
        evidence=(document,),
        log_time=min(end + timedelta(days=1), CLOCK.now()),
    )


def _answered(service: Service, answer: ServiceState, start: datetime, chance: random.Random) -> Service:
    if answer is not ServiceState.CONFIRMED:
        return service.model_copy(update={"state": answer})
    at = min(start + timedelta(days=2), CLOCK.now())
    return service.model_copy(update={"state": answer, "rating": chance.choice(RATINGS), "answer_time": at})


def _mentor_display_name(number: int) -> str:
    return f"林江 {number}"


def _startup_display_name(number: int) -> str:
    return f"松江碳材 {number}"

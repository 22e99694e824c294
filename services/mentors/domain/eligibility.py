"""Who may sit on a panel, and why somebody may not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from libs.calendar.interval import Interval
from libs.calendar.local_time import local_day
from libs.calendar.page import CalendarPage, Entry, Pages, page_names
from libs.common.domain.entity import Entity
from libs.common.domain.errors import Taken
from services.mentors.domain.conflict import review_conflicts
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor, State
from services.mentors.domain.panel import Candidate, ConflictGround, Exclusion, ExclusionReason
from services.mentors.domain.panel_duty import Duties
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup

#: A mentor and a startup that meet, or met.
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was loaded of the mentors: themselves, their duties, and the pages that the review touches, by name."""

    mentors: Mapping[str, Mentor]
    duties: Mapping[str, Duties]
    pages: Mapping[str, CalendarPage]

    @classmethod
    def of(
        cls,
        mentors: Iterable[Mentor | None],
        duties: Iterable[Duties | None],
        pages: Iterable[CalendarPage | None],
    ) -> "Knowledge":
        """Build from what was loaded; None is what does not exist."""
        return cls(
            {each.name: each for each in mentors if each},
            {each.mentor: each for each in duties if each},
            {each.name: each for each in pages if each},
        )

    def duties_of(self, mentor: str) -> Duties:
        """Return the duties of a mentor."""
        return self.duties.get(mentor) or Duties.of(mentor)

    def pages_of(self, mentor: str, interval: Interval | None, zone: ZoneInfo) -> Pages:
        """Return the pages of a mentor that an interval touches."""
        names = page_names(mentor, interval, zone) if interval else ()
        return Pages.of(names, [self.pages.get(name) for name in names], zone)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A startup under review, with what conflicts are derived from."""

    startup: Startup
    mentee: Mentee | None
    residence: Residence | None


@dataclass(frozen=True, slots=True)
class Review:
    """What a panel reviews, when, and what it needs of its members.

    `advised` are pairs of mentor and startup with a consultation that is scheduled, held or on record.
    """

    panel: str
    subjects: Sequence[Reviewed]
    day: date
    interval: Interval | None
    max_panels: int
    within_days: int
    zone: ZoneInfo
    officer_roles: Collection[str] = ()
    advised: frozenset[Pair] = frozenset()
    declared: Mapping[str, ConflictGround] = field(default_factory=dict)

    def candidate(self, mentor: Mentor, known: Knowledge) -> Candidate:
        """Return a mentor as a candidate, with every reason against."""
        return Candidate(
            mentor=mentor.name,
            mentor_display_name=mentor.display_name,
            kind=mentor.kind,
            industry_expert=mentor.industry_expert,
            exclusions=tuple(self._exclusions(mentor, known)),
        )

    def occupy(self, mentor: str, known: Knowledge) -> Pages:
        """Return the mentor's pages with the review on them. Refuses a time that is taken (TIME_TAKEN)."""
        pages = known.pages_of(mentor, self.interval, self.zone)
        if self.interval is None:
            return pages
        return pages.occupy(Entry(holder=self.panel, start=self.interval.start, end=self.interval.end))

    def join(self, mentor: str, known: Knowledge, now: datetime) -> tuple[Entity, ...]:
        """Return what to save when a mentor joins the panel: duties, and the pages with the review on them."""
        today = local_day(now, self.zone)
        duties = known.duties_of(mentor).with_duty(self.panel, self.day, today)
        return duties, *self.occupy(mentor, known).saves

    def leave(self, mentor: str, known: Knowledge) -> tuple[Entity, ...]:
        """Return what to save when a mentor leaves the panel: duties, and the pages without the review."""
        pages = known.pages_of(mentor, self.interval, self.zone).release(self.panel)
        return known.duties_of(mentor).without(self.panel), *pages.saves

    def _exclusions(self, mentor: Mentor, known: Knowledge) -> Iterable[Exclusion]:
        for subject in self.subjects:
            for reason in self._conflicts(mentor, subject):
                yield Exclusion(reason=reason, startup=subject.startup.name)
        if ground := self.declared.get(mentor.name):
            yield Exclusion(reason=ExclusionReason.DECLARED, ground=ground)
        if mentor.state is not State.APPOINTED or not mentor.appointed_on(self.day):
            yield Exclusion(reason=ExclusionReason.NOT_APPOINTED)
        try:
            self.occupy(mentor.name, known)
        except Taken:
            yield Exclusion(reason=ExclusionReason.BUSY)
        duties = known.duties_of(mentor.name).without(self.panel)
        if duties.busiest(self.day, self.within_days) >= self.max_panels:
            yield Exclusion(reason=ExclusionReason.LOAD_LIMIT)

    def _conflicts(self, mentor: Mentor, subject: Reviewed) -> Iterable[ExclusionReason]:
        found = review_conflicts(
            mentor,
            subject.startup,
            self.officer_roles,
            mentee=subject.mentee,
            residence=subject.residence,
            day=self.day,
        )
        reasons = {ExclusionReason(conflict.kind.value) for conflict in found}
        if (mentor.name, subject.startup.name) in self.advised:
            reasons.add(ExclusionReason.MENTOR_OF)
        return (reason for reason in ExclusionReason if reason in reasons)

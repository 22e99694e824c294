"""Panels as domain values: candidates with all that is known of them, and panels drawn from these."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.calendar.interval import Interval
from libs.calendar.page import CalendarPage, Entry, Pages, page_names
from libs.common.domain.entity import Change, Entity
from services.mentors.domain.draw import Candidate, KindQuota, Quotas
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.panel import Panel, PanelDraw
from services.mentors.domain.panel_change import ChangeTerms
from services.mentors.domain.panel_commands import DrawPanel, PanelRules
from services.mentors.domain.panel_drawing import DrawTerms, draw_panel
from services.mentors.domain.panel_duty import Duties
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup
from tests.mentors.samples import CITY, LONGTAN, MENTORS_PROFILE, NOW, ZONE, mentor, startup

RULES = PanelRules(
    city=CITY,
    zone=ZONE,
    kinds=MENTORS_PROFILE.kinds.keys(),
    officer_roles=MENTORS_PROFILE.matching.officer_roles,
    section=MENTORS_PROFILE.panels,
)
#: A review of two hours, a week after NOW.
REVIEW = Interval(start=datetime(2026, 12, 1, 1, 0, tzinfo=UTC), end=datetime(2026, 12, 1, 3, 0, tzinfo=UTC))


def candidate(number: int, kind: str = "investor", *, expert: bool = False) -> Candidate:
    """Return a candidate of the draw."""
    return Candidate(mentor=f"mentors/m{number}", kind=kind, industry_expert=expert)


def quotas(percent: int = 0, **kinds: int) -> Quotas:
    """Return quotas: the share of industry experts, and the least numbers by kind."""
    needs = tuple(KindQuota(kind=kind, min_members=count) for kind, count in kinds.items())
    return Quotas(min_industry_expert_percent=percent, kinds=needs)


def mentors(count: int, start: int = 0, **fields: Any) -> list[Mentor]:
    """Return appointed mentors, `mentors/m0` and so on; two of three are experts from industry."""
    return [
        mentor(
            **{
                "name": f"mentors/m{number}",
                "display_name": f"林江{number}",
                "industry_expert": number % 3 > 0,
                "spaces": (),
                **fields,
            }
        )
        for number in range(start, start + count)
    ]


def command(**fields: Any) -> DrawPanel:
    """Return the command to draw three members and two substitutes; `fields` replace or add."""
    values = {
        "district": LONGTAN,
        "title": "新材料专项评审",
        "subjects": ("startups/a1",),
        "technology_fields": ("new-materials",),
        "size": 3,
        "substitute_count": 2,
        "start_time": REVIEW.start,
        "end_time": REVIEW.end,
        "seed": "seed-1",
    }
    return DrawPanel.model_validate({**values, **fields})


def busy(name: str, start: datetime = REVIEW.start, minutes: int = 30) -> CalendarPage:
    """Return the page of a mentor who is busy for some minutes."""
    taken = Interval.lasting(start, minutes)
    (page,) = page_names(name, taken, ZONE)
    pages = Pages.of((page,), (None,), ZONE).occupy(Entry(holder="consultations/c1", start=taken.start, end=taken.end))
    return pages.saves[0]


def drawn(
    given: DrawPanel,
    candidates: Iterable[Mentor | None],
    *,
    duties: Iterable[Duties] = (),
    pages: Iterable[CalendarPage] = (),
    startups: Sequence[Startup] = (startup(),),
    mentees: Sequence[Mentee | None] = (None,),
    residences: Sequence[Residence | None] = (None,),
    **terms: Any,
) -> Change[Panel]:
    """Draw `panels/p1`."""
    values: dict[str, Any] = {"name": "panels/p1", "seed": given.seed, "now": NOW, "rules": RULES, **terms}
    return draw_panel(
        tuple(candidates),
        tuple(duties),
        tuple(pages),
        startups,
        mentees,
        residences,
        command=given,
        terms=DrawTerms(**values),
    )


def record_of(change: Change[Any]) -> PanelDraw:
    """Return the record of the draw that a change saves."""
    return next(each for each in change.saves if isinstance(each, PanelDraw))


def saved(change: Change[Any], kind: type[Entity]) -> dict[str, Any]:
    """Return what a change saves of a kind, by name."""
    return {each.name: each for each in change.saves if isinstance(each, kind)}


def after_draw(**fields: Any) -> Panel:
    """Return a panel as it was drawn from nine mentors, with its times."""
    panel = drawn(command(**fields), mentors(9)).reply
    return panel.with_(version=1, create_time=NOW, update_time=NOW)


def later(**delta: float) -> ChangeTerms:
    """Return what a change of a panel is given some time after NOW."""
    return ChangeTerms(NOW + timedelta(**delta), RULES)

"""Drawing a panel: which mentors are candidates, who is excluded, and whom the draw makes members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.calendar.local_time import local_day
from libs.calendar.page import CalendarPage
from libs.common.domain.entity import Change
from libs.common.domain.errors import NotFound, Precondition
from services.mentors.domain.draw import Drawn, draw, draw_order
from services.mentors.domain.eligibility import Knowledge, Pair, Review, Reviewed
from services.mentors.domain.mentee import Mentee
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.panel import Candidate, Member, Panel, PanelDraw, Subject
from services.mentors.domain.panel_commands import DrawPanel, PanelRules
from services.mentors.domain.panel_duty import Duties
from services.mentors.domain.panel_facts import PanelDrawn
from services.mentors.domain.residence import Residence
from services.mentors.domain.startup import Startup

#: How many mentors a draw considers at most.
MAX_CANDIDATES = 500


@dataclass(frozen=True, slots=True)
class DrawTerms:
    """What a draw is given besides the command.

    `complete` tells whether the loaded mentors are all that there are. `advised` are pairs of mentor and startup with a
    consultation that is scheduled, held or on record.
    """

    name: str
    seed: str
    now: datetime
    rules: PanelRules
    complete: bool = True
    advised: frozenset[Pair] = frozenset()


def draw_panel(
    mentors: Sequence[Mentor | None],
    duties: Sequence[Duties | None],
    pages: Sequence[CalendarPage | None],
    startups: Sequence[Startup],
    mentees: Sequence[Mentee | None],
    residences: Sequence[Residence | None],
    *,
    command: DrawPanel,
    terms: DrawTerms,
) -> Change[Panel]:
    """Draw a panel, occupy its members' calendars, and count it as a duty of each.

    `mentors` are those who may be candidates, and those excluded by hand. Refuses when there are too many
    (TOO_MANY_CANDIDATES), when one excluded by hand does not exist (MENTOR_NOT_FOUND), and when the quotas cannot be
    kept (QUOTA_NOT_REACHABLE).
    """
    command.ensure_valid(terms.rules, terms.now)
    if not terms.complete:
        raise Precondition(
            "TOO_MANY_CANDIDATES", f"more than {MAX_CANDIDATES} mentors are candidates", limit=MAX_CANDIDATES
        )
    known = Knowledge.of(mentors, duties, pages)
    for excluded in command.exclusions:
        if excluded.mentor not in known.mentors:
            raise NotFound("MENTOR_NOT_FOUND", f"{excluded.mentor} does not exist", name=excluded.mentor)
    panel = _panel(command, startups, terms)
    review = Review(
        panel=panel.name,
        subjects=[Reviewed(*each) for each in zip(startups, mentees, residences, strict=True)],
        day=local_day(panel.start_time or terms.now, terms.rules.zone),
        interval=panel.interval,
        max_panels=panel.max_panels,
        within_days=panel.within_days,
        zone=terms.rules.zone,
        officer_roles=terms.rules.officer_roles,
        advised=terms.advised,
        declared={each.mentor: each.ground for each in command.exclusions},
    )
    considered = [each for each in known.mentors.values() if _is_candidate(each, command)]
    candidates = [review.candidate(each, known) for each in considered]
    eligible = [each.ticket for each in candidates if not each.exclusions]
    drawn = draw(terms.seed, eligible, panel.quotas, seats=panel.size, substitutes=panel.substitute_count)
    return _change(panel, review, known, _record(panel, candidates, drawn, terms.seed), drawn, terms.now)


def _is_candidate(mentor: Mentor, command: DrawPanel) -> bool:
    """Whether the mentor works in one of the fields; without fields, everybody is a candidate."""
    fields = set(command.technology_fields)
    return not fields or not fields.isdisjoint(mentor.technology_fields)


def _panel(command: DrawPanel, startups: Sequence[Startup], terms: DrawTerms) -> Panel:
    section = terms.rules.section
    percent = command.min_industry_expert_percent
    return Panel(
        name=terms.name,
        district=command.district,
        title=command.title,
        subjects=tuple(
            Subject(startup=each.name, startup_display_name=each.display_name, credit_code=each.credit_code)
            for each in startups
        ),
        technology_fields=command.technology_fields,
        size=command.size,
        substitute_count=command.substitute_count,
        min_industry_expert_percent=section.industry_experts.min_percent if percent is None else percent,
        kinds=command.kinds,
        max_panels=command.max_panels or section.load.max_panels,
        within_days=command.within_days or section.load.within_days,
        start_time=command.start_time,
        end_time=command.end_time,
    )


def _record(panel: Panel, candidates: Sequence[Candidate], drawn: Drawn, seed: str) -> PanelDraw:
    by_name = {each.mentor: each for each in candidates}
    return PanelDraw(
        name=f"{panel.name}/draw",
        panel=panel.name,
        district=panel.district,
        seed=seed,
        size=panel.size,
        substitute_count=panel.substitute_count,
        min_industry_expert_percent=panel.min_industry_expert_percent,
        kinds=panel.kinds,
        candidates=tuple(by_name[name] for name in draw_order(seed, by_name)),
        members=tuple(each.mentor for each in drawn.members),
        substitutes=tuple(each.mentor for each in drawn.substitutes),
    )


def _change(
    panel: Panel, review: Review, known: Knowledge, record: PanelDraw, drawn: Drawn, now: datetime
) -> Change[Panel]:
    members = tuple(Member.of(known.mentors[each.mentor]).with_join_time(now) for each in drawn.members)
    substitutes = tuple(Member.of(known.mentors[each.mentor]) for each in drawn.substitutes)
    seated = panel.with_members(members, substitutes)
    joining = [entity for member in members for entity in review.join(member.mentor, known, now)]
    fact = PanelDrawn.of(seated, subjects=seated.startups)
    return Change(seated, saves=(seated, record, *joining), facts=(fact,))


def redraw(record: PanelDraw) -> Drawn:
    """Draw again from the record of a draw. The result has the members and substitutes that the record names."""
    return draw(
        record.seed,
        [each.ticket for each in record.candidates if not each.exclusions],
        record.quotas,
        seats=record.size,
        substitutes=record.substitute_count,
    )

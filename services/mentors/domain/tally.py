"""What a confirmation adds to the figures of a mentor's year and of a startup, and how to take it back exactly.

A session counts once for the mentor however many startups confirm it: the first adds its minutes, each further one a
service. That holds for the city, and again for each space and district of the startups that took part.
"""

from bisect import insort
from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from libs.common.domain.entity import construct
from services.mentors.domain.consultation import Consultation, Service, ServiceState
from services.mentors.domain.mentee import Mentee, Relation, YearTotal
from services.mentors.domain.mentor_year import MentorYear, Tally

#: What identifies a row of tallies.
RowKey = tuple[int, str, str, str]
#: The figures that are counted in each row and for the whole year.
FIGURES = ("sessions", "services", "minutes", "appointed_sessions", "appointed_services", "appointed_minutes")


def day_of(start_time: datetime, zone: ZoneInfo) -> date:
    """Return the day of the city to which a consultation counts: the one on which it begins."""
    return start_time.astimezone(zone).date()


def year_name(mentor: str, year: int) -> str:
    """Return the name of a mentor's year."""
    return f"{mentor}/years/{year}"


def confirm(
    year: MentorYear | None, mentee: Mentee | None, consultation: Consultation, service: Service, *, zone: ZoneInfo
) -> tuple[MentorYear, Mentee]:
    """Add a service that its startup confirms; `service` holds the rating. None stands for figures without any entry.

    It does not matter whether the consultation holds the service before or after the confirmation.
    """
    return _apply(year, mentee, consultation, service, zone=zone, sign=1)


def reject(
    year: MentorYear, mentee: Mentee, consultation: Consultation, service: Service, *, zone: ZoneInfo
) -> tuple[MentorYear, Mentee]:
    """Take back a service as it was confirmed, with the time, kind and rating that the consultation had then.

    Only the sequence of the relation grows, so that copies of it see the change.
    """
    return _apply(year, mentee, consultation, service, zone=zone, sign=-1)


def relation_to(mentee: Mentee, mentor: str) -> Relation | None:
    """Return the startup's relation to a mentor; None if there never was one."""
    return next((relation for relation in mentee.relations if relation.mentor == mentor), None)


def _apply(
    year: MentorYear | None,
    mentee: Mentee | None,
    consultation: Consultation,
    service: Service,
    *,
    zone: ZoneInfo,
    sign: int,
) -> tuple[MentorYear, Mentee]:
    day = day_of(consultation.start_time, zone)
    year = year or MentorYear(name=year_name(consultation.mentor, day.year), mentor=consultation.mentor, year=day.year)
    if (year.mentor, year.year) != (consultation.mentor, day.year):
        raise ValueError(f"{year.name} does not hold the figures of {consultation.mentor} in {day.year}")
    return _tallied(year, consultation, service, day, sign), _related(mentee, consultation, service, day, sign)


# --- the mentor's year ------------------------------------------------------------------------


def _tallied(year: MentorYear, consultation: Consultation, service: Service, day: date, sign: int) -> MentorYear:
    others = [
        each
        for each in consultation.services
        if each.startup != service.startup and each.state is ServiceState.CONFIRMED
    ]
    month, kind = day.month, consultation.kind.value
    whole = _added(year.tallies, (month, kind, "", ""), consultation, is_first=not others, sign=sign)
    places = year.places
    if space := service.space:
        is_first = all(other.space != space for other in others)
        places = _added(places, (month, kind, space, ""), consultation, is_first=is_first, sign=sign)
    for district in districts_of(service):
        is_first = all(district not in districts_of(other) for other in others)
        places = _added(places, (month, kind, "", district), consultation, is_first=is_first, sign=sign)
    return year.with_(
        tallies=whole,
        places=places,
        spaces=tuple(sorted({row.space for row in places} - {""})),
        districts=tuple(sorted({row.district for row in places} - {""})),
        ratings=year.ratings + sign * bool(service.rating),
        rating_sum=year.rating_sum + sign * service.rating,
        **{name: sum(getattr(row, name) for row in whole) for name in FIGURES},
    )


def districts_of(service: Service) -> set[str]:
    """Return the district and the functional zone to which a service counts."""
    return {service.district, service.zone} - {""}


def _added(
    rows: tuple[Tally, ...], key: RowKey, consultation: Consultation, *, is_first: bool, sign: int
) -> tuple[Tally, ...]:
    """Add one service to a row, and the session with its minutes if it is the first. A row of nothing is left out."""
    by_key = {(row.month, row.kind, row.space, row.district): row for row in rows}
    month, kind, space, district = key
    row = by_key.pop(key, None) or Tally(month=month, kind=kind, space=space, district=district)
    added = (sign * is_first, sign, sign * is_first * consultation.minutes)
    appointed = tuple(each * consultation.appointed for each in added)
    figures = {name: getattr(row, name) + more for name, more in zip(FIGURES, (*added, *appointed), strict=True)}
    if min(figures.values()) < 0:
        raise ValueError(f"{consultation.name} was not counted before")
    if figures["services"]:
        by_key[key] = construct(Tally, row.__dict__ | figures)
    return tuple(by_key[each] for each in sorted(by_key))


# --- the startup ------------------------------------------------------------------------------


def _related(mentee: Mentee | None, consultation: Consultation, service: Service, day: date, sign: int) -> Mentee:
    mentee = mentee or Mentee(name=service.startup)
    if mentee.name != service.startup:
        raise ValueError(f"{mentee.name} is not {service.startup}")
    known = relation_to(mentee, consultation.mentor)
    if known is None and sign < 0:
        raise ValueError(f"{consultation.name} was not counted before")
    relation = _relation(known, consultation, day, sign)
    others = (each for each in mentee.relations if each.mentor != relation.mentor)
    return mentee.with_(
        relations=tuple(sorted((*others, relation), key=lambda each: each.mentor)),
        years=_years(mentee.years, consultation, day.year, sign),
    )


def _relation(known: Relation | None, consultation: Consultation, day: date, sign: int) -> Relation:
    dates = list(known.dates) if known else []
    if sign > 0:
        insort(dates, day)
    else:
        dates.remove(day)
    return Relation(
        mentor=consultation.mentor,
        mentor_display_name=known.mentor_display_name if known and sign < 0 else consultation.mentor_display_name,
        sessions=(known.sessions if known else 0) + sign,
        minutes=(known.minutes if known else 0) + sign * consultation.minutes,
        last_date=dates[-1] if dates else day,
        sequence=(known.sequence if known else 0) + 1,
        dates=tuple(dates),
    )


def _years(years: Iterable[YearTotal], consultation: Consultation, year: int, sign: int) -> tuple[YearTotal, ...]:
    by_year = {each.year: each for each in years}
    known = by_year.pop(year, None) or YearTotal(year=year, sessions=0, minutes=0)
    minutes = sign * consultation.minutes
    changed = YearTotal(
        year=year,
        sessions=known.sessions + sign,
        minutes=known.minutes + minutes,
        appointed_sessions=known.appointed_sessions + sign * consultation.appointed,
        appointed_minutes=known.appointed_minutes + minutes * consultation.appointed,
    )
    if changed.sessions:
        by_year[year] = changed
    return tuple(by_year[each] for each in sorted(by_year))

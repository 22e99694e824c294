"""Reports: service hours, coverage, ratings, certificates and exports. Everything here reads."""

import asyncio
from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from libs.common.domain.entity import Page
from libs.common.domain.profile import City
from libs.common.rpc.context import CallContext
from libs.common.rpc.scope import UNLIMITED, out_of_scope
from libs.common.runtime.clock import Clock
from services.mentors.coverage_queries import CoverageQueries
from services.mentors.domain import certificate, coverage, rating, report
from services.mentors.domain.certificate import Certificate
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.counting import JudgedSession, judge
from services.mentors.domain.coverage import Coverage, measure
from services.mentors.domain.mentor import Mentor
from services.mentors.domain.profile import MentorsProfile
from services.mentors.domain.rating import Rating
from services.mentors.domain.report import (
    ExportFormat,
    GroupBy,
    HoursFigures,
    HoursRow,
    Months,
    Selection,
    ServiceHours,
    ServiceHoursFile,
    ensure_bounded,
    ensure_district,
)
from services.mentors.domain.space import Space
from services.mentors.domain.tally import year_name
from services.mentors.report_queries import Groups, ReportQueries, appointed_in
from services.mentors.service import service_rows
from services.mentors.service.export import CSV_MEDIA_TYPE, XLSX_MEDIA_TYPE, csv_file, xlsx_file
from services.mentors.store import MentorsStore

log = structlog.get_logger()
NAMED = {GroupBy.MENTOR: "mentors", GroupBy.SPACE: "spaces", GroupBy.STARTUP: "startups"}
#: Groups that may share a session, so that the total is less than their sum.
SHARING = frozenset({GroupBy.SPACE, GroupBy.STARTUP})
#: Clients accept messages of at most 4 MiB unless they are set up otherwise.
MAX_FILE_BYTES = 3_000_000


class Reports:
    """Queries over what was confirmed. Calendar days and months are those of the city's time zone."""

    def __init__(self, store: MentorsStore, clock: Clock, city: City, profile: MentorsProfile) -> None:
        self._store = store
        self._clock = clock
        self._city = city
        self._profile = profile
        self._zone = ZoneInfo(city.time_zone)
        self._queries = ReportQueries(store.database, self._zone)
        self._coverage = CoverageQueries(store.database)

    # --- service hours ------------------------------------------------------------------------

    async def hours(self, query: report.GetServiceHours, ctx: CallContext) -> ServiceHours:
        """Sum the service of a period. Denied (OUT_OF_SCOPE), NotFound, Precondition (TOO_MANY_ROWS)."""
        months = await self._selected(query, ctx)
        groups = await self._groups(query, months, query.group_by)
        ensure_bounded(len(groups))
        if query.group_by in SHARING:
            total = (await self._groups(query, months, None)).get("", HoursFigures())
        else:
            total = HoursFigures.sum(groups.values())
        names = await self._display_names(query.group_by, groups)
        keys = sorted(groups) if query.group_by else ()
        rows = (HoursRow(key=key, display_name=names.get(key, ""), figures=groups[key]) for key in keys)
        return ServiceHours(
            start_date=months.start_date,
            end_date=months.end_date,
            total=total,
            rows=tuple(rows),
        )

    async def _groups(self, query: Selection, months: Months, group_by: GroupBy | None) -> Groups:
        """Read the tallies where they answer the question, and the consultations where they do not."""
        is_filtered = bool(query.mentor or query.space or query.district)
        if group_by is GroupBy.STARTUP and months.is_whole_year and not is_filtered:
            return await self._queries.startup_totals(months)
        has_two_places = bool(query.space or group_by is GroupBy.SPACE) and bool(query.district)
        if group_by is GroupBy.STARTUP or has_two_places:
            return await self._queries.counted(months, group_by, query)
        return await self._queries.tallied(months, group_by, query)

    async def _display_names(self, group_by: GroupBy | None, groups: Groups) -> dict[str, str]:
        if group_by not in NAMED:
            return {}
        found = await self._queries.fields_of(NAMED[group_by], groups, "display_name")
        return {name: document["display_name"] for name, document in found.items()}

    async def _selected(self, query: Selection, ctx: CallContext) -> Months:
        """Return the period of a selection that is in the caller's scope and names what exists."""
        months = query.months(self._clock.today(self._zone))
        ensure_district(query.district, self._city)
        self._ensure_in_scope(ctx, query.mentor, query.space, query.district)
        await self._ensure_known(ctx, query.mentor, query.space)
        return months

    def _ensure_in_scope(self, ctx: CallContext, *filters: str | None) -> None:
        """Refuse a selection of which no filter is in scope. One is enough, because all filters hold together."""
        if ctx.scope.names is not None and not any(ctx.scope.covers_name(each) for each in filters if each):
            raise out_of_scope()

    async def _ensure_known(self, ctx: CallContext, mentor: str | None, space: str | None) -> None:
        """Refuse a filter by what does not exist, which is no secret: mentors and spaces are public directories."""
        unlimited = replace(ctx, scope=UNLIMITED)
        if mentor:
            await self._store.get(Mentor, mentor, unlimited)
        if space:
            await self._store.get(Space, space, unlimited)

    async def export(self, query: report.ExportServiceHours, ctx: CallContext) -> ServiceHoursFile:
        """Export the service of a period. Denied (OUT_OF_SCOPE), NotFound, Precondition (TOO_MANY_ROWS)."""
        rule_set = self._profile.counting.rule_set(query.rule_set)
        months = await self._selected(query, ctx)
        rows = await service_rows.rows_of(self._queries, query, months, rule_set, self._city)
        ensure_bounded(len(rows))
        if query.format is ExportFormat.CSV:
            write, media_type = partial(csv_file, service_rows.HEADING), CSV_MEDIA_TYPE
        else:
            write, media_type = partial(xlsx_file, service_rows.TITLE, service_rows.HEADING), XLSX_MEDIA_TYPE
        content = await asyncio.to_thread(write, rows)  # a large file takes a second
        ensure_bounded(len(rows) if len(content) <= MAX_FILE_BYTES else report.MAX_ROWS + 1)
        log.info("service_hours_exported", year=months.year, format=query.format, rows=len(rows))
        return ServiceHoursFile(
            file_name=f"service-hours-{months.year}-{months.first_month:02}-{months.last_month:02}"
            f".{query.format.lower()}",
            media_type=media_type,
            content=content,
            row_count=len(rows),
        )

    # --- coverage -----------------------------------------------------------------------------

    async def coverage(self, query: coverage.GetCoverage, ctx: CallContext) -> Coverage:
        """Report the coverage of today. Denied (OUT_OF_SCOPE), NotFound (SPACE_NOT_FOUND)."""
        ensure_district(query.district, self._city)
        self._ensure_in_scope(ctx, query.space, query.district)
        await self._ensure_known(ctx, None, query.space)
        today = self._clock.today(self._zone)
        is_city = not query.space and not query.district
        spaces = await self._coverage.spaces(query.space, query.district)
        tenants = await self._coverage.tenants(None if is_city else spaces, today)
        if is_city:  # a tenancy may be known before its space is
            spaces = {**dict.fromkeys(tenants, ""), **spaces}
        everybody = {startup for startups in tenants.values() for startup in startups}
        return measure(
            spaces,
            tenants,
            await self._coverage.served(today.year, None if is_city else everybody),
            await self._coverage.corps(),
            ratios=self._profile.coverage.ratios,
            day=today,
            appointers=None if is_city else (query.district,) if not query.space else (),
        )

    # --- ratings and certificates -------------------------------------------------------------

    async def list_ratings(self, query: rating.ListRatings, ctx: CallContext) -> Page[Rating]:
        """Return a page of ratings without their sessions. Invalid for a rule set that the city does not have."""
        today = self._clock.today(self._zone)
        year = query.year or today.year
        rule_set = self._profile.counting.rule_set(query.rule_set)
        rule_set.ensure_in_force(year)
        page = await self._store.list(Mentor, appointed_in(year, query), query, ctx)
        found = await self._ratings(page.items, year, query.rule_set)
        return Page(tuple(each.without_sessions() for each in found), page.next_page_token)

    async def get_rating(self, query: rating.GetRating, ctx: CallContext) -> Rating:
        """Judge one mentor's year. NotFound (MENTOR_NOT_FOUND). Invalid for an unknown rule set."""
        year = query.year or self._clock.today(self._zone).year
        self._profile.counting.rule_set(query.rule_set).ensure_in_force(year)
        mentor = await self._store.get(Mentor, query.mentor, ctx)
        (found,) = await self._ratings((mentor,), year, query.rule_set)
        return found.model_copy(update={"sessions": await self._visible(found.sessions, ctx)})

    async def _ratings(self, mentors: tuple[Mentor, ...], year: int, code: str) -> list[Rating]:
        rule_set = self._profile.counting.rule_set(code)
        names = [mentor.name for mentor in mentors]
        sessions = await self._queries.sessions(names, Months(year=year))
        years = await self._queries.mentor_years([year_name(name, year) for name in names])
        judged = partial(judge, rule_set, year=year, today=self._clock.today(self._zone))
        return [
            Rating.of(
                mentor,
                years.get(year_name(mentor.name, year)),
                judged(sessions.get(mentor.name, ())),
                rule_set=code or self._profile.counting.default_rule_set,
                number=year,
            )
            for mentor in mentors
        ]

    async def _visible(self, sessions: tuple[JudgedSession, ...], ctx: CallContext) -> tuple[JudgedSession, ...]:
        """Take out the names of consultations that the caller may not read."""
        if ctx.scope.names is None:
            return sessions
        names = [session.consultation for session in sessions]
        known = await self._queries.fields_of("consultations", names, *Consultation.scoped_by)
        visible = {
            name
            for name, held in known.items()
            if ctx.scope.names & {held["mentor"], *held["startups"], *held["spaces"], *held["districts"]}
        }
        hidden = {"consultation": ""}
        return tuple(each if each.consultation in visible else each.model_copy(update=hidden) for each in sessions)

    async def certificate(self, query: certificate.GetCertificate, ctx: CallContext) -> Certificate:
        """Certify a mentor's year. NotFound (MENTOR_NOT_FOUND), Precondition (NO_SERVICE)."""
        number = query.year or self._clock.today(self._zone).year
        mentor = await self._store.get(Mentor, query.mentor, ctx)
        years = await self._queries.mentor_years([year_name(mentor.name, number)])
        return certificate.certify(
            mentor,
            next(iter(years.values()), None),
            await self._queries.startups_served(mentor.name, Months(year=number)),
            number=number,
            texts=self._profile.certificate,
            city=self._city,
        )

"""ReportService through a real channel, over documents that confirmations would have left."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from grpc import StatusCode, aio
from openpyxl import load_workbook

from libs.api.hatchery.mentors.v1 import evidence_pb2, report_pb2_grpc
from libs.api.hatchery.mentors.v1 import report_pb2 as pb
from libs.common.domain.entity import Entity
from libs.common.store.database import Database
from libs.common.store.schema import EntitySchema
from services.mentors.domain.consultation import Consultation
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.mentor import Appointment
from services.mentors.domain.residence import Residence, Stay
from services.mentors.store import CONSULTATIONS, MENTEES, MENTOR_YEARS, MENTORS, RESIDENCES, SPACES, STARTUPS
from tests.mentors import samples
from tests.mentors.report.samples import DOCK, FENGMAN, HUB, LONGTAN, Books, answers_of, service, session
from tests.mentors.requests import day
from tests.support.calls import Api, refused
from tests.support.processes import Cluster, Replica
from tests.support.store_fixtures import DRIVER, insert

H, X = pb.GetServiceHoursRequest, pb.ExportServiceHoursRequest
YEAR = day(0).year - 1
LI, WANG = "mentors/li", "mentors/wang"
CODE = "912201025732581015"


def appointment(appointer: str) -> Appointment:
    """Return an appointment from three years ago until next year."""
    return Appointment(
        appointer=appointer,
        body="江城孵化器",
        certificate_number=f"2026-{appointer[-3:]}",
        start_date=day(-1000),
        end_date=day(300),
    )


def at(month: int, date: int = 5) -> datetime:
    """Return nine o'clock on a day of the last year."""
    return datetime(YEAR, month, date, 1, tzinfo=UTC)


def held() -> list[Consultation]:
    """Return last year's sessions: eleven of Li, one of which is short, and one of Wang after the appointment."""
    photo = Evidence(kind=EvidenceKind.PHOTO, link="https://files.example.org/1", sha256="0a" * 32)
    sheet = photo.model_copy(update={"kind": EvidenceKind.SIGN_IN_SHEET})
    of_li = [
        session(
            service("startups/a1", HUB, LONGTAN),
            start=at(1, 2 + number),
            name=f"consultations/li{number:02}",
            mentor=LI,
        )
        for number in range(9)
    ]
    both = session(
        service("startups/a1", HUB, LONGTAN),
        service("startups/a2", DOCK, FENGMAN, rating=4),
        start=at(3),
        minutes=60,
        name="consultations/li90",
        mentor=LI,
    )
    short = session(service("startups/a1"), start=at(12), minutes=29, name="consultations/li91", mentor=LI)
    late = session(
        service("startups/a2", DOCK, FENGMAN), start=at(7), name="consultations/wang1", mentor=WANG, appointed=False
    )
    return [*(each.with_(topic="=1+1") for each in of_li), both.with_(evidence=(photo, sheet)), short, late]


def stay(startup: str, space: str) -> Residence:
    """Return an open stay that began two years ago."""
    tenancy = Stay(tenancy=f"{space}/tenancies/1", sequence=1, space=space, start_date=day(-700))
    return Residence(name=startup, stays=(tenancy,))


def this_year() -> Consultation:
    """Return a session of this year."""
    start = datetime.combine(day(0), datetime.min.time(), UTC) - timedelta(hours=7)
    return session(service("startups/a2", DOCK, FENGMAN), start=start, name="consultations/now", mentor=LI)


def documents() -> list[tuple[EntitySchema, Sequence[Entity]]]:
    """Return everything that the reports are about."""
    books = Books()
    consultations = [*held(), this_year()]
    books.confirm_all(answers_of(consultations))
    spaces = (appointment(HUB), appointment(DOCK))
    mentors = [
        samples.mentor(spaces, name=LI, display_name="李明", spaces=(HUB, DOCK), nominator=HUB),
        samples.mentor(spaces[1:], name=WANG, display_name="王芳", spaces=(DOCK,), nominator=DOCK, district=FENGMAN),
    ]
    return [
        (CONSULTATIONS, consultations),
        (MENTOR_YEARS, list(books.years.values())),
        (MENTEES, list(books.mentees.values())),
        (MENTORS, mentors),
        (SPACES, [samples.space(HUB, display_name="+江城孵化器"), samples.space(DOCK, district=FENGMAN)]),
        (STARTUPS, [samples.startup("startups/a1", credit_code=CODE), samples.startup("startups/a2")]),
        (RESIDENCES, [stay("startups/a1", HUB), stay("startups/a2", DOCK), stay("startups/a3", HUB)]),
    ]


@pytest.fixture(scope="module")
async def reports(cluster: Cluster, mentors_replica: Replica) -> AsyncIterator[Api]:
    """ReportService over last year's sessions, called as an admin unless a token is given."""
    database = Database(cluster.mongo.admin_uri, cluster.database("mentors"), DRIVER)
    for schema, entities in documents():
        await insert(database, schema, entities)
    await database.close()
    async with aio.insecure_channel(mentors_replica.address) as channel:
        yield Api(channel, report_pb2_grpc, "ReportService", cluster.token())


def rows(found: pb.ServiceHours) -> dict[str, tuple[int, int, int]]:
    """Return sessions, services and minutes of each row."""
    return {row.key: (row.figures.sessions, row.figures.services, row.figures.minutes) for row in found.rows}


# --- service hours ----------------------------------------------------------------------------


async def test_the_hours_of_a_year(reports: Api) -> None:
    """A session of two startups is one session with two services, and what was not appointed is told apart."""
    found = await reports.GetServiceHours(H(year=YEAR))
    total = found.total
    assert (total.sessions, total.services, total.minutes) == (12, 13, 9 * 45 + 60 + 29 + 45)
    assert (total.appointed_sessions, total.appointed_services) == (11, 12)
    assert not found.rows
    assert (found.start_date.year, found.end_date.year) == (YEAR, YEAR + 1)


async def test_hours_are_grouped(reports: Api) -> None:
    """By mentors, spaces, startups, kinds and months, each row with a name for people where there is one."""
    by_mentor = await reports.GetServiceHours(H(year=YEAR, group_by=H.GROUP_BY_MENTOR))
    assert rows(by_mentor) == {LI: (11, 12, 494), WANG: (1, 1, 45)}
    assert [row.display_name for row in by_mentor.rows] == ["李明", "王芳"]
    by_space = await reports.GetServiceHours(H(year=YEAR, group_by=H.GROUP_BY_SPACE))
    assert rows(by_space) == {HUB: (11, 11, 494), DOCK: (2, 2, 105)}
    by_startup = await reports.GetServiceHours(H(year=YEAR, group_by=H.GROUP_BY_STARTUP))
    assert rows(by_startup) == {"startups/a1": (11, 11, 494), "startups/a2": (2, 2, 105)}
    by_kind = await reports.GetServiceHours(H(year=YEAR, group_by=H.GROUP_BY_KIND))
    assert rows(by_kind) == {"COACHING": (12, 13, 539)}
    by_month = await reports.GetServiceHours(H(year=YEAR, first_month=3, last_month=7, group_by=H.GROUP_BY_MONTH))
    assert rows(by_month) == {f"{YEAR}-03": (1, 2, 60), f"{YEAR}-07": (1, 1, 45)}


async def test_hours_of_one_place_or_mentor(reports: Api) -> None:
    """Filters hold together, and the rows are those of what they select."""
    of_dock = await reports.GetServiceHours(H(year=YEAR, space=DOCK, group_by=H.GROUP_BY_MENTOR))
    assert rows(of_dock) == {LI: (1, 1, 60), WANG: (1, 1, 45)}
    both = await reports.GetServiceHours(H(year=YEAR, space=DOCK, mentor=LI, group_by=H.GROUP_BY_STARTUP))
    assert rows(both) == {"startups/a2": (1, 1, 60)}
    district = await reports.GetServiceHours(H(year=YEAR, district=FENGMAN, group_by=H.GROUP_BY_SPACE))
    assert rows(district) == {DOCK: (2, 2, 105)}
    assert district.total.sessions == 2


async def test_a_limited_caller_names_something_in_scope(reports: Api, cluster: Cluster) -> None:
    """A mentor, operator and official see what their filter selects; without one, or with another's, nothing."""
    for role, scope, query in (
        ("mentor", LI, H(year=YEAR, mentor=LI)),
        ("operator", DOCK, H(year=YEAR, space=DOCK)),
        ("official", FENGMAN, H(year=YEAR, district=FENGMAN)),
        ("operator", DOCK, H(year=YEAR, space=DOCK, mentor=LI)),
    ):
        token = cluster.token(role, [scope])
        assert (await reports.GetServiceHours(query, token=token)).total.sessions > 0
        for foreign in (H(year=YEAR), H(year=YEAR, mentor="mentors/x"), H(year=YEAR, space=HUB, district=LONGTAN)):
            answer = await refused(reports.GetServiceHours(foreign, token=token))
            assert (answer.code, answer.reason) == (StatusCode.PERMISSION_DENIED, "OUT_OF_SCOPE")


async def test_a_filter_by_what_does_not_exist_is_refused(reports: Api) -> None:
    """A misspelt name must not look like a year without service."""
    for query, reason in ((H(mentor="mentors/x"), "MENTOR_NOT_FOUND"), (H(space="spaces/x"), "SPACE_NOT_FOUND")):
        answer = await refused(reports.GetServiceHours(query))
        assert (answer.code, answer.reason) == (StatusCode.NOT_FOUND, reason)
    answer = await refused(reports.GetServiceHours(H(district="districts/999999")))
    assert answer.fields == {"district": "MALFORMED"}
    answer = await refused(reports.GetServiceHours(H(first_month=5, last_month=4)))
    assert answer.fields == {"last_month": "OUT_OF_RANGE"}


# --- coverage ---------------------------------------------------------------------------------


async def test_the_coverage_of_the_city_and_of_a_space(reports: Api) -> None:
    """A mentor of two spaces counts once in the city; the share is that of tenants with a session this year."""
    city = await reports.GetCoverage(pb.GetCoverageRequest())
    assert (city.figures.tenants, city.figures.mentors, city.figures.served_tenants) == (3, 2, 1)
    assert city.figures.served_percent == 33.3
    assert city.figures.mentors_per_ten_tenants == 6.67
    assert [(each.ratio, each.needed, each.missing) for each in city.figures.ratios] == [
        ("one-per-ten", 1, 0),
        ("one-per-five", 3, 1),
    ]
    assert [(each.space, each.figures.tenants, each.figures.mentors) for each in city.spaces] == [
        (DOCK, 1, 2),
        (HUB, 2, 1),
    ]
    space = await reports.GetCoverage(pb.GetCoverageRequest(space=DOCK))
    assert (space.figures.mentors, space.figures.served_percent) == (2, 100.0)
    district = await reports.GetCoverage(pb.GetCoverageRequest(district=LONGTAN))
    assert (district.figures.tenants, district.figures.mentors, district.figures.served_percent) == (2, 1, 0.0)


async def test_shares_of_nothing_are_unset(reports: Api) -> None:
    """A district without tenants has no share at all, which clients can tell from zero."""
    found = await reports.GetCoverage(pb.GetCoverageRequest(district="districts/220221"))
    assert not found.figures.HasField("served_percent")
    assert not found.figures.HasField("mentors_per_ten_tenants")
    assert not any(each.HasField("needed") or each.HasField("missing") for each in found.figures.ratios)


async def test_coverage_is_limited_to_the_callers_places(reports: Api, cluster: Cluster) -> None:
    """An operator reads the own space's coverage, and neither another's nor the city's."""
    token = cluster.token("operator", [DOCK])
    assert (await reports.GetCoverage(pb.GetCoverageRequest(space=DOCK), token=token)).figures.tenants == 1
    for request in (pb.GetCoverageRequest(), pb.GetCoverageRequest(space=HUB)):
        assert (await refused(reports.GetCoverage(request, token=token))).reason == "OUT_OF_SCOPE"


# --- ratings and certificates -----------------------------------------------------------------


async def test_a_rating_explains_itself(reports: Api) -> None:
    """Ten of eleven sessions count; the eleventh is a minute short, and the rating says so."""
    found = await reports.GetRating(pb.GetRatingRequest(mentor=LI, year=YEAR))
    assert (found.outcome, found.counted_sessions, found.required_sessions) == (pb.Rating.OUTCOME_MET, 10, 10)
    assert (found.rule_set, found.name) == ("ten-of-thirty-minutes", f"{LI}/ratings/{YEAR}")
    (excluded,) = [each for each in found.sessions if not each.counts]
    assert (excluded.consultation, excluded.minutes) == ("consultations/li91", 29)
    assert list(excluded.reasons) == [pb.Rating.REASON_TOO_SHORT]
    assert (found.average_feedback, found.feedback_count) == (4.92, 12)


async def test_ratings_are_listed_with_their_figures(reports: Api) -> None:
    """Every mentor with an appointment in the year is listed, a failing one with the reason, and no sessions."""
    found = await reports.ListRatings(pb.ListRatingsRequest(year=YEAR))
    by_mentor = {each.mentor: each for each in found.ratings}
    assert set(by_mentor) == {LI, WANG}
    assert by_mentor[WANG].outcome == pb.Rating.OUTCOME_NOT_MET
    assert [(each.reason, each.sessions) for each in by_mentor[WANG].exclusions] == [
        (pb.Rating.REASON_NOT_APPOINTED, 1)
    ]
    assert not any(each.sessions for each in found.ratings)
    nobody = await reports.ListRatings(pb.ListRatingsRequest(year=YEAR, space="spaces/x"))
    assert not nobody.ratings
    first = await reports.ListRatings(pb.ListRatingsRequest(year=YEAR, page_size=1))
    second = await reports.ListRatings(pb.ListRatingsRequest(year=YEAR, page_size=1, page_token=first.next_page_token))
    assert [first.ratings[0].mentor, second.ratings[0].mentor] == [LI, WANG]


async def test_other_rule_sets_judge_the_same_year(reports: Api) -> None:
    """Two services to tenants are met; for a claim nearly all evidence is missing, and it is named."""
    services = await reports.GetRating(pb.GetRatingRequest(mentor=LI, year=YEAR, rule_set="two-tenant-services"))
    assert (services.outcome, services.counted_tenant_services) == (pb.Rating.OUTCOME_MET, 12)
    claim = await reports.GetRating(pb.GetRatingRequest(mentor=LI, year=YEAR, rule_set="subsidy-evidence"))
    assert claim.counted_sessions == 1
    kinds = [evidence_pb2.Evidence.KIND_SIGN_IN_SHEET, evidence_pb2.Evidence.KIND_PHOTO]
    assert list(claim.sessions[0].missing_evidence) == kinds
    answer = await refused(reports.GetRating(pb.GetRatingRequest(mentor=LI, rule_set="no-such-rules")))
    assert answer.fields == {"rule_set": "MALFORMED"}
    answer = await refused(reports.GetRating(pb.GetRatingRequest(mentor=LI, year=2013)))
    assert answer.fields == {"year": "DATE_OUT_OF_RANGE"}


async def test_a_rating_names_only_consultations_in_scope(reports: Api, cluster: Cluster) -> None:
    """An operator who has appointed the mentor sees every session, and the names of the own space's only."""
    token = cluster.token("operator", [DOCK])
    found = await reports.GetRating(pb.GetRatingRequest(mentor=LI, year=YEAR), token=token)
    assert len(found.sessions) == 11
    assert {each.consultation for each in found.sessions} == {"", "consultations/li90"}


async def test_a_certificate_has_figures_and_texts(reports: Api) -> None:
    """The appointed service of the year, with the appointments; none, and it is refused."""
    found = await reports.GetCertificate(pb.GetCertificateRequest(mentor=LI, year=YEAR))
    assert (found.sessions, found.services, found.minutes, found.startups) == (11, 12, 494, 2)
    assert "李明" in found.body_zh
    assert found.number in found.body_zh
    assert len(found.appointments) == 2
    answer = await refused(reports.GetCertificate(pb.GetCertificateRequest(mentor=WANG, year=YEAR)))
    assert (answer.code, answer.reason) == (StatusCode.FAILED_PRECONDITION, "NO_SERVICE")
    assert answer.metadata == {"mentor": WANG, "year": str(YEAR)}


# --- exports ----------------------------------------------------------------------------------


async def test_an_export_has_a_row_for_each_service(reports: Api) -> None:
    """The file has what a claim asks, inert cells, codes as texts, and what evidence is missing."""
    file = await reports.ExportServiceHours(X(format=X.FORMAT_CSV, year=YEAR, rule_set="subsidy-evidence"))
    assert (file.media_type, file.file_name) == ("text/csv; charset=utf-8", f"service-hours-{YEAR}-01-12.csv")
    table = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))
    assert len(table) == file.row_count == 13
    first = table[0]
    assert first["日期 Date"] == f"{YEAR}-01-02"
    assert first["开始 Start"] == f"{YEAR}-01-02 09:00"
    assert (first["主题 Topic"], first["所在载体 Space"]) == ("'=1+1", "'+江城孵化器")
    assert (first["统一社会信用代码 Credit code"], first["聘书编号 Certificate number"]) == (f"'{CODE}", "2026-hub")
    assert first["是否计入 Counts"] == "否 No"
    assert first["缺少材料 Missing evidence"] == "签到表 Sign-in sheet、照片 Photo"
    both = [each for each in table if each["记录编号 Consultation"] == "consultations/li90"]
    assert [each["是否计入 Counts"] for each in both] == ["是 Yes", "是 Yes"]
    assert {each["缺少材料 Missing evidence"] for each in both} == {""}


async def test_an_export_as_a_workbook(reports: Api, cluster: Cluster) -> None:
    """A workbook has the same rows; an operator exports those of the own space."""
    request = X(format=X.FORMAT_XLSX, year=YEAR, space=DOCK)
    file = await reports.ExportServiceHours(request, token=cluster.token("operator", [DOCK]))
    sheet = load_workbook(io.BytesIO(file.content)).active
    assert sheet is not None
    cells = list(sheet.iter_rows(min_row=2, values_only=True))
    assert len(cells) == file.row_count == 2
    assert [row[3] for row in cells] == [60, 45]
    answer = await refused(reports.ExportServiceHours(X(format=X.FORMAT_XLSX), token=cluster.token("operator", [DOCK])))
    assert answer.reason == "OUT_OF_SCOPE"

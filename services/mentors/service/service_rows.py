"""The rows of an export of service hours: what subsidy claims ask about each service, and what is missing."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from libs.common.domain.profile import City
from libs.common.store.transaction import Document
from services.mentors.domain.counting import Reason, RecordedSession, RuleSet, judge_session
from services.mentors.domain.evidence import EvidenceKind
from services.mentors.domain.mentor import Appointment
from services.mentors.domain.report import Months, Selection, ensure_bounded
from services.mentors.report_queries import ReportQueries, is_selected
from services.mentors.service.export import Cell

TITLE = "服务时数 Service hours"
HEADING = (
    "日期 Date",
    "开始 Start",
    "结束 End",
    "分钟 Minutes",
    "导师 Mentor",
    "聘书编号 Certificate number",
    "聘任单位 Appointing body",
    "类型 Kind",
    "方式 Format",
    "主题 Topic",
    "地点 Place",
    "企业或团队 Startup",
    "统一社会信用代码 Credit code",
    "所在载体 Space",
    "所属区域 District",
    "企业确认日期 Confirmed on",
    "评分 Rating",
    "是否计入 Counts",
    "不计入原因 Why not",
    "已有材料 Evidence",
    "缺少材料 Missing evidence",
    "记录编号 Consultation",
)
KINDS = {"CONSULTING": "咨询 Consulting", "DIAGNOSIS": "诊断 Diagnosis", "COACHING": "辅导 Coaching"}
FORMATS = {"ON_SITE": "现场 On site", "PHONE": "电话 Phone", "VIDEO": "视频 Video"}
EVIDENCE = {
    EvidenceKind.SIGN_IN_SHEET: "签到表 Sign-in sheet",
    EvidenceKind.PHOTO: "照片 Photo",
    EvidenceKind.NOTICE: "通知 Notice",
    EvidenceKind.AGREEMENT: "协议 Agreement",
    EvidenceKind.PAYMENT: "支付凭证 Payment",
    EvidenceKind.OTHER: "其他 Other",
}
REASONS = {
    Reason.NOT_CONFIRMED: "企业未确认 Not confirmed",
    Reason.NOT_APPOINTED: "当日不在聘期 No valid appointment",
    Reason.TOO_SHORT: "时长不足 Too short",
    Reason.EVIDENCE_MISSING: "材料不全 Evidence missing",
    Reason.RULES_NOT_IN_FORCE: "规则未生效 Rules not in force",
}


async def rows_of(
    queries: ReportQueries, query: Selection, months: Months, rule_set: RuleSet, city: City
) -> list[tuple[Cell, ...]]:
    """Return one row for each confirmed service that the filters select. Precondition (TOO_MANY_ROWS)."""
    held = await queries.consultations(months, query)
    chosen = [
        (consultation, service)
        for consultation in held
        for service in consultation["services"]
        if is_selected(service, query)
    ]
    ensure_bounded(len(chosen))
    mentors = await queries.fields_of("mentors", {each["mentor"] for each in held}, "appointments")
    startups = await queries.fields_of("startups", {service["startup"] for _, service in chosen}, "credit_code")
    spaces = await queries.fields_of("spaces", {service["space"] for _, service in chosen}, "display_name")
    table = _Table(queries, rule_set, city, {"mentors": mentors, "startups": startups, "spaces": spaces})
    return [table.row(consultation, service) for consultation, service in chosen]


class _Table:
    """What the rows need beside the consultations."""

    def __init__(
        self, queries: ReportQueries, rule_set: RuleSet, city: City, known: dict[str, dict[str, Document]]
    ) -> None:
        self._queries = queries
        self._rule_set = rule_set
        self._city = city
        self._known = known
        self._zone = ZoneInfo(city.time_zone)

    def row(self, consultation: Document, service: Document) -> tuple[Cell, ...]:
        """Return the row of one service."""
        session: RecordedSession = self._queries.session(consultation)
        judged = judge_session(self._rule_set, session)
        appointment = self._appointment(consultation["mentor"], session.date)
        answer = service["answer_time"]
        district = self._city.districts.get(service["district"])
        return (
            session.date,
            self._clock(consultation["start_time"]),
            self._clock(consultation["end_time"]),
            session.minutes,
            consultation["mentor_display_name"],
            appointment.certificate_number if appointment else "",
            appointment.body if appointment else "",
            KINDS[consultation["kind"]],
            FORMATS[consultation["format"]],
            consultation["topic"],
            consultation["place"],
            service["startup_display_name"],
            self._field("startups", service["startup"], "credit_code"),
            self._field("spaces", service["space"], "display_name"),
            district.name.zh if district else "",
            answer.astimezone(self._zone).date() if answer else None,
            service["rating"] or None,
            "是 Yes" if judged.counts else "否 No",
            "、".join(REASONS[reason] for reason in judged.reasons),
            "、".join(EVIDENCE[kind] for kind in EvidenceKind if kind in session.evidence),
            "、".join(EVIDENCE[kind] for kind in judged.missing_evidence),
            consultation["_id"],
        )

    def _clock(self, instant: datetime) -> datetime:
        """Return the time of the city without its zone, as a spreadsheet holds it."""
        return instant.astimezone(self._zone).replace(tzinfo=None)

    def _field(self, collection: str, name: str, field: str) -> str:
        document: dict[str, Any] = self._known[collection].get(name, {})
        return document.get(field) or ""

    def _appointment(self, mentor: str, day: date) -> Appointment | None:
        held = self._known["mentors"].get(mentor, {}).get("appointments", ())
        terms = (Appointment.model_validate(each) for each in held)
        return next((each for each in terms if each.is_valid(day)), None)

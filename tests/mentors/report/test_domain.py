"""Periods, certificates and ratings."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.errors import Invalid, Precondition
from libs.common.domain.profile import City, Text
from services.mentors.domain.certificate import Certificate, CertificateSection, CertificateText, certify, hours_text
from services.mentors.domain.mentor import Appointment, Mentor, State
from services.mentors.domain.mentor_year import MentorYear, Tally
from services.mentors.domain.rating import average
from services.mentors.domain.report import MAX_ROWS, Months, Selection, ensure_bounded

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 24)
CITY = City(
    name="jilin",
    display_name=Text(zh="吉林市", en="Jilin City"),
    code="220200",
    time_zone="Asia/Shanghai",
    districts={},
    technology_fields={},
    industry_chains={},
)
TEXTS = CertificateSection(
    title=CertificateText(zh="证明 {number}", en="Certificate {number}"),
    body=CertificateText(zh="{mentor}{year}年{sessions}次{hours}小时{startups}家", en="{mentor}: {hours} h {x} {"),
)


def appointment(start: date, end: date, number: str = "吉创导2026001") -> Appointment:
    """Return an appointment by a space."""
    fields = {"certificate_number": number, "start_date": start, "end_date": end}
    return Appointment.model_validate({"appointer": "spaces/a", "body": "江城孵化器", **fields})


def mentor(name: str = "李明") -> Mentor:
    """Return a mentor with three terms, one of which has no day in 2026."""
    terms = (
        appointment(date(2022, 1, 1), date(2026, 1, 1), "1"),
        appointment(date(2026, 1, 1), date(2027, 1, 1), "2"),
        appointment(date(2026, 12, 31), date(2029, 1, 1), "3"),
    )
    return Mentor(name="mentors/m1", display_name=name, kind="investor", state=State.APPOINTED, appointments=terms)


def year(**figures: int) -> MentorYear:
    """Return a year with one row of figures."""
    row = Tally.model_validate({"month": 3, "kind": "COACHING", **figures})
    return MentorYear(name="mentors/m1/years/2026", mentor="mentors/m1", year=2026, tallies=(row,))


def certificate(of: MentorYear, startups: int = 2, name: str = "李明") -> Certificate:
    """Certify the year 2026."""
    return certify(mentor(name), of, startups, number=2026, texts=TEXTS, city=CITY)


WORK = year(sessions=3, services=4, minutes=200, appointed_sessions=2, appointed_services=3, appointed_minutes=135)


# --- periods ----------------------------------------------------------------------------------


def test_a_report_is_about_this_year_unless_another_is_given() -> None:
    """Without months a period is the whole year."""
    assert Selection().months(TODAY) == Months(year=2026, first_month=1, last_month=12)
    assert Selection(year=2025, first_month=3).months(TODAY) == Months(year=2025, first_month=3, last_month=12)


def test_a_period_begins_and_ends_at_midnight_of_the_city() -> None:
    """The period of March and April ends when May begins in the city, which is in April by UTC."""
    months = Months(year=2026, first_month=3, last_month=4)
    expected = (datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 4, 30, 16, tzinfo=UTC))
    assert months.instants(ZONE) == expected


@given(st.integers(2000, 2200), st.integers(1, 12), st.integers(1, 12))
def test_a_period_is_made_of_whole_months(number: int, first: int, last: int) -> None:
    """The end date is the first day of the month after the last one, and a period that ends first is refused."""
    selection = Selection(year=number, first_month=first, last_month=last)
    if last < first:
        with pytest.raises(Invalid) as refusal:
            selection.months(TODAY)
        assert [each.field for each in refusal.value.violations] == ["last_month"]
        return
    months = selection.months(TODAY)
    assert (months.start_date.day, months.end_date.day) == (1, 1)
    length = (months.end_date.year - months.start_date.year) * 12 + months.end_date.month - months.start_date.month
    assert length == last - first + 1


def test_too_many_rows_are_refused_with_the_limit() -> None:
    """A report never grows without bound, and says what to do instead."""
    ensure_bounded(MAX_ROWS)
    with pytest.raises(Precondition) as refusal:
        ensure_bounded(MAX_ROWS + 1)
    assert (refusal.value.reason, refusal.value.metadata) == ("TOO_MANY_ROWS", {"max_rows": str(MAX_ROWS)})


# --- certificates -----------------------------------------------------------------------------


def test_a_certificate_holds_the_appointed_figures() -> None:
    """What a mentor did without an appointment is not certified."""
    found = certificate(WORK)
    assert (found.sessions, found.services, found.minutes, found.startups) == (2, 3, 135, 2)
    assert found.body_zh == "李明2026年2次2.25小时2家"
    assert found.title_en == f"Certificate {found.number}"
    assert [each.certificate_number for each in found.appointments] == ["2", "3"]


def test_text_that_is_no_placeholder_stays() -> None:
    """Unknown braces and braces in a name are printed as they are, and nothing is put into them."""
    assert certificate(WORK, name="李{hours}明").body_en == "李{hours}明: 2.25 h {x} {"


def test_another_figure_gives_another_number() -> None:
    """The same figures always have the same number; a changed one shows."""
    number = certificate(WORK).number
    assert number.startswith("220200-2026-")
    assert certificate(WORK).number == number
    assert certificate(WORK, startups=3).number != number
    more = WORK.tallies[0].model_copy(update={"appointed_minutes": 136})
    assert certificate(WORK.with_(tallies=(more,))).number != number


@pytest.mark.parametrize("of", [None, year(), year(sessions=3, services=3, minutes=90)])
def test_nothing_is_certified_without_appointed_service(of: MentorYear | None) -> None:
    """A certificate of zero hours is refused, also for somebody who worked without an appointment."""
    with pytest.raises(Precondition) as refusal:
        certify(mentor(), of, 0, number=2026, texts=TEXTS, city=CITY)
    assert (refusal.value.reason, refusal.value.metadata) == ("NO_SERVICE", {"mentor": "mentors/m1", "year": "2026"})


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "0"), (30, "0.5"), (60, "1"), (600, "10"), (50, "0.83"), (6005, "100.08")]
)
def test_minutes_are_printed_as_hours(minutes: int, text: str) -> None:
    """Hours have at most two decimals and no exponent."""
    assert hours_text(minutes) == text


# --- feedback ---------------------------------------------------------------------------------


def test_the_average_of_nothing_is_not_zero() -> None:
    """A mentor whom nobody rated has no average."""
    assert average(None) is None
    assert average(year()) is None
    assert average(year().with_(ratings=3, rating_sum=14)) == Decimal("4.67")

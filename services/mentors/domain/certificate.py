"""Certificates of service hours: their texts, figures and numbers."""

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b
from typing import Annotated

from pydantic import Field

from libs.common.domain.entity import Value
from libs.common.domain.errors import Precondition
from libs.common.domain.profile import City, Section
from services.mentors.domain.mentor import Appointment, Mentor
from services.mentors.domain.mentor_year import MentorYear
from services.mentors.domain.names import MentorName
from services.mentors.domain.report import Year


class CertificateText(Section):
    """A text of the certificate in Chinese and in English."""

    zh: Annotated[str, Field(min_length=1, max_length=1000)]
    en: Annotated[str, Field(min_length=1, max_length=1000)]


class CertificateSection(Section):
    """The table `certificate` of the profile: the texts of a certificate of service hours.

    A text may hold `{mentor}`, `{year}`, `{sessions}`, `{hours}`, `{startups}` and `{number}`.
    """

    title: CertificateText
    body: CertificateText


class GetCertificate(Value):
    """Certify the service hours of one mentor in a year."""

    mentor: MentorName
    year: Year | None = None


class Certificate(Value):
    """A certificate of the service that a mentor did under an appointment.

    The number changes when a figure changes, so that a printed certificate can be checked against this one.
    """

    mentor: str
    mentor_display_name: str
    year: int
    number: str
    title_zh: str
    title_en: str
    body_zh: str
    body_en: str
    sessions: int
    services: int
    minutes: int
    startups: int
    appointments: tuple[Appointment, ...]


def certify(
    mentor: Mentor, year: MentorYear | None, startups: int, *, number: int, texts: CertificateSection, city: City
) -> Certificate:
    """Certify the appointed service in the year of that number, to so many startups. Refuses none (NO_SERVICE)."""
    rows = year.tallies if year else ()
    sessions = sum(row.appointed_sessions for row in rows)
    services = sum(row.appointed_services for row in rows)
    minutes = sum(row.appointed_minutes for row in rows)
    if not sessions:
        raise Precondition(
            "NO_SERVICE", "no service under an appointment was confirmed in the year", mentor=mentor.name, year=number
        )
    figures = f"{mentor.name}/{number}/{sessions}/{services}/{minutes}/{startups}"
    certificate_number = f"{city.code}-{number}-{blake2b(figures.encode(), digest_size=5).hexdigest().upper()}"
    values = {
        "mentor": mentor.display_name,
        "year": str(number),
        "sessions": str(sessions),
        "hours": hours_text(minutes),
        "startups": str(startups),
        "number": certificate_number,
    }
    return Certificate(
        mentor=mentor.name,
        mentor_display_name=mentor.display_name,
        year=number,
        number=certificate_number,
        title_zh=_filled(texts.title.zh, values),
        title_en=_filled(texts.title.en, values),
        body_zh=_filled(texts.body.zh, values),
        body_en=_filled(texts.body.en, values),
        sessions=sessions,
        services=services,
        minutes=minutes,
        startups=startups,
        appointments=tuple(_within(mentor.appointments, number)),
    )


def hours_text(minutes: int) -> str:
    """Return minutes as hours with at most two decimals: 90 as `1.5`."""
    hours = (Decimal(minutes) / 60).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return f"{hours.normalize():f}"


def _filled(text: str, values: dict[str, str]) -> str:
    """Put values in place of their names in braces. A value that itself holds braces is left as it is."""
    parts = text.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        filled.append(values[name] + rest if brace and name in values else "{" + part)
    return "".join(filled)


def _within(appointments: Iterable[Appointment], year: int) -> Iterable[Appointment]:
    return (
        each for each in appointments if each.start_date < date(year + 1, 1, 1) and each.end_date > date(year, 1, 1)
    )

"""Documents that prove something, kept elsewhere and named by link and hash."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from libs.common.domain.entity import Value
from libs.common.domain.text import Line

#: An address of a document, https only, at most 500 characters.
Link = Annotated[str, StringConstraints(pattern=r"^https://[!-~]+$", max_length=500)]
#: A SHA-256 hash in lower-case hexadecimal digits.
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]


class EvidenceKind(StrEnum):
    """What a document proves."""

    SIGN_IN_SHEET = "SIGN_IN_SHEET"
    PHOTO = "PHOTO"
    NOTICE = "NOTICE"
    AGREEMENT = "AGREEMENT"
    PAYMENT = "PAYMENT"
    OTHER = "OTHER"


class Evidence(Value):
    """A document with its address and the hash of its content, by which a later change shows."""

    kind: EvidenceKind
    title: Line = ""
    link: Link
    sha256: Sha256


class MissingEvidence(StrEnum):
    """What audits of paid mentoring require, beside agreements and payments: 签到表, 照片, 服务通知, 确认."""

    SIGN_IN_SHEET = "SIGN_IN_SHEET"
    PHOTO = "PHOTO"
    NOTICE = "NOTICE"
    CONFIRMATION = "CONFIRMATION"


def missing_evidence(evidence: Iterable[Evidence], *, is_confirmed: bool) -> tuple[MissingEvidence, ...]:
    """Return what an audit would miss, in a fixed order."""
    proved = {document.kind.value for document in evidence} | ({"CONFIRMATION"} if is_confirmed else set())
    return tuple(each for each in MissingEvidence if each.value not in proved)

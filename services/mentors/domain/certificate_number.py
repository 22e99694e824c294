"""Certificate numbers, each of which is given to one mentor of the city."""

import hashlib
import unicodedata
from typing import ClassVar

from libs.common.domain.entity import Entity


class CertificateNumber(Entity):
    """A certificate number that was given to a mentor, so that no other is given the same."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor",)

    mentor: str
    number: str


def certificate_name(number: str) -> str:
    """Return the name of the entity that holds a number; numbers that differ in case, width or spaces are the same."""
    return f"certificateNumbers/{hashlib.blake2b(plain_number(number).encode(), digest_size=16).hexdigest()}"


def plain_number(number: str) -> str:
    """Return a number without case, width and spaces, so that spellings can be compared."""
    return "".join(unicodedata.normalize("NFKC", number).casefold().split())

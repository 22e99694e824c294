"""The contact: how a mentor is reached. Personal data, kept apart from the mentor."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints

from libs.common.domain.entity import Change, Entity, Spec, Value
from libs.common.domain.names import Etag
from services.mentors.domain.mentor import Mentor, State
from services.mentors.domain.names import MentorContactName

#: Digits, with single spaces and hyphens between them.
Phone = Annotated[str, StringConstraints(pattern=r"^(\+?[0-9]+([ -][0-9]+)*)?$", max_length=40)]
Email = Annotated[str, StringConstraints(pattern=r"^([!-?A-~]+@[!-?A-~]+\.[!-?A-~]+)?$", max_length=200)]


class MentorContactSpec(Spec):
    """The client-settable part of a contact."""

    phone: Phone = ""
    email: Email = ""


class GetMentorContact(Value):
    """Read the contact of a mentor."""

    name: MentorContactName


class UpdateMentorContact(Value):
    """Replace the contact of a mentor."""

    name: MentorContactName
    contact: MentorContactSpec
    etag: Etag = ""


class MentorContact(Entity):
    """How a mentor is reached, named `mentors/{mentor}/contact`. `masked` is filled for readers."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor",)

    mentor: str
    phone: str = ""
    email: str = ""
    masked: bool = Field(default=False, exclude=True)

    def mask(self) -> Self:
        """Return the contact for readers who may only recognise it."""
        return self.with_(phone=masked_phone(self.phone), email=masked_email(self.email), masked=True)


def masked_phone(phone: str) -> str:
    """Replace all digits but the last four by asterisks; all of them when there are fewer than eight."""
    digits = [place for place, character in enumerate(phone) if character.isdigit()]
    hidden = digits[:-4] if len(digits) >= 8 else digits
    return "".join("*" if place in hidden else character for place, character in enumerate(phone))


def masked_email(email: str) -> str:
    """Replace the part before the at sign by its first character and asterisks."""
    local, at, domain = email.partition("@")
    return f"{local[:1]}***{at}{domain}" if email else ""


def update(contact: MentorContact | None, mentor: Mentor, command: UpdateMentorContact) -> Change[MentorContact]:
    """Replace the contact, or create it. Refuses one of a forgotten person (PERSON_FORGOTTEN)."""
    mentor.ensure_state(*State)
    known = contact or MentorContact(name=command.name, mentor=mentor.name)
    known.ensure_etag(command.etag)
    changed = known.with_(**dict(command.contact))
    return Change(changed, saves=(changed,))

"""The contact: what it may hold, and what is shown to those who may only recognise it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.domain.errors import Precondition, Stale
from services.mentors.domain import contact
from services.mentors.domain.contact import MentorContact, MentorContactSpec, UpdateMentorContact, masked_phone
from tests.mentors.samples import NOW, mentor

KNOWN = MentorContact(
    name="mentors/m1/contact", mentor="mentors/m1", version=2, phone="138 0432 0001", email="lin.jiang@example.org"
)


@pytest.mark.parametrize("phone", ["13804320001", "+86 432 6200 0000", "0432-62000000", ""])
def test_phone_numbers(phone: str) -> None:
    """Digits with an optional plus, and single spaces and hyphens between them."""
    assert MentorContactSpec(phone=phone).phone == phone


@pytest.mark.parametrize("phone", ["+", "138  0432", "-138", "138-", "电话", "138x", " 138", "138\n"])
def test_what_is_no_phone_number(phone: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValidationError):
        MentorContactSpec(phone=phone)


@pytest.mark.parametrize("email", ["lin", "@example.org", "lin@", "lin@example", "林@example.org", "a b@example.org"])
def test_what_is_no_email(email: str) -> None:
    """An address has a part before the at sign and a domain with a dot, all in ASCII."""
    with pytest.raises(ValidationError):
        MentorContactSpec(email=email)


def test_a_masked_contact_can_be_recognised_only() -> None:
    """The last four digits and the domain stay."""
    masked = KNOWN.mask()
    assert (masked.phone, masked.email, masked.masked) == ("*** **** 0001", "l***@example.org", True)
    assert KNOWN.with_(email="").mask().email == ""


@given(st.from_regex(r"\A\+?[0-9]+([ -][0-9]+){0,4}\Z"))
def test_masking_keeps_the_form_of_a_phone_number(phone: str) -> None:
    """At most four digits stay, none of a short number; what is no digit stays in its place."""
    masked = masked_phone(phone)
    digits = sum(character.isdigit() for character in phone)
    assert sum(character.isdigit() for character in masked) == (4 if digits >= 8 else 0)
    assert [each for each in masked if each in "+ -"] == [each for each in phone if not each.isdigit()]
    assert len(masked) == len(phone)


def test_a_contact_is_replaced_or_created() -> None:
    """Both fields are replaced; there is no fact, because facts hold no personal data."""
    command = UpdateMentorContact(name=KNOWN.name, contact=MentorContactSpec(phone="13900000000"), etag="v2")
    change = contact.update(KNOWN, mentor(), command)
    assert (change.reply.phone, change.reply.email, change.facts) == ("13900000000", "", ())
    created = contact.update(None, mentor(), command.model_copy(update={"etag": ""})).reply
    assert (created.name, created.mentor, created.version) == (KNOWN.name, "mentors/m1", 0)


def test_what_is_stale_or_forgotten_is_refused() -> None:
    """Neither an older version nor a forgotten person gets a contact."""
    new = MentorContactSpec(phone="13900000000")
    command = UpdateMentorContact(name=KNOWN.name, contact=new, etag="v1")
    with pytest.raises(Stale):
        contact.update(KNOWN, mentor(), command)
    with pytest.raises(Precondition, match="forgotten"):
        contact.update(None, mentor(forget_time=NOW), UpdateMentorContact(name=KNOWN.name, contact=new))

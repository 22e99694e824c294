"""The mentor: how it is described, and what a description may say."""

import pytest

from libs.common.domain.entity import UpdateMask
from libs.common.domain.errors import Invalid, Precondition, Stale
from services.mentors.domain import mentor as mentors
from services.mentors.domain.mentor import ClassifyMentor, Holding, Mentor, MentorSpec, MentorUpdated, UpdateMentor
from tests.mentors.samples import FENGMAN, HIGH_TECH, NOW, VOCABULARY, day, mentor, spec, term


def update(known: Mentor, new: MentorSpec, *paths: str, etag: str = "") -> Mentor:
    """Change the fields that the paths name, and return the mentor after it."""
    command = UpdateMentor(name=known.name, mentor=new, update_mask=UpdateMask(paths=paths), etag=etag)
    change = mentors.update(known, command, VOCABULARY)
    assert change.saves == (change.reply,)
    assert [type(fact).__name__ for fact in change.facts] == ["MentorUpdated"]
    return change.reply


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"kind": "wizard"}, "mentor.kind"),
        ({"district": "districts/999999"}, "mentor.district"),
        ({"district": HIGH_TECH}, "mentor.district"),
        ({"technology_fields": ("new-materials", "alchemy")}, "mentor.technology_fields[1]"),
        ({"industry_chains": ("alchemy",)}, "mentor.industry_chains[0]"),
        ({"skills": ("fundraising", "juggling")}, "mentor.skills[1]"),
    ],
)
def test_codes_are_those_of_the_profile(fields: dict[str, object], path: str) -> None:
    """Kind, district, fields, chains and skills are codes of the profile; a zone is not where a mentor works."""
    with pytest.raises(Invalid) as refused:
        spec(**fields).ensure_valid(VOCABULARY)
    assert [(each.field, each.reason) for each in refused.value.violations] == [(path, "MALFORMED")]


@pytest.mark.parametrize("field", ["display_name", "kind", "district"])
def test_required_fields_are_given(field: str) -> None:
    """A mentor has a name, a kind and a district."""
    with pytest.raises(Invalid) as refused:
        spec(**{field: ""}).ensure_valid(VOCABULARY)
    assert [(each.field, each.reason) for each in refused.value.violations] == [(f"mentor.{field}", "REQUIRED")]


def test_a_startup_has_one_holding() -> None:
    """Two holdings in one startup are refused, because a conflict of interest is judged by the share."""
    holdings = (Holding(startup="startups/a1", share_per_mille=50), Holding(startup="startups/a1", share_per_mille=10))
    with pytest.raises(Invalid) as refused:
        spec(holdings=holdings).ensure_valid(VOCABULARY)
    assert [each.field for each in refused.value.violations] == ["mentor.holdings[1].startup"]


def test_an_update_changes_what_the_mask_names() -> None:
    """Fields that the mask does not name stay, whatever the request says of them."""
    known = mentor()
    new = spec(display_name="林松", kind="investor", district=FENGMAN, skills=("export",))
    changed = update(known, new, "display_name", "skills")
    assert (changed.display_name, changed.skills) == ("林松", ("export",))
    assert changed.with_(display_name=known.display_name, skills=known.skills) == known


def test_an_update_of_everything_keeps_the_terms() -> None:
    """`*` replaces the whole description, and neither state nor appointments."""
    known = mentor()
    changed = update(known, spec(display_name="林松"), "*")
    assert (changed.technology_fields, changed.formats) == ((), ())
    assert (changed.state, changed.appointments, changed.spaces) == (known.state, known.appointments, known.spaces)


def test_an_update_must_leave_a_valid_description() -> None:
    """A required field cannot be emptied, and a code that the profile no longer has cannot be written back."""
    with pytest.raises(Invalid, match=r"mentor\.kind"):
        update(mentor(), spec(kind=""), "kind")
    with pytest.raises(Invalid, match=r"mentor\.skills\[0\]"):
        update(mentor(), spec(skills=("juggling",)), "skills")
    with pytest.raises(Invalid, match=r"update_mask\.paths\[0\]"):
        update(mentor(), spec(), "state")


def test_an_update_of_an_older_version_is_refused() -> None:
    """An etag of another version is stale."""
    with pytest.raises(Stale):
        update(mentor(version=3), spec(), "skills", etag="v2")


def test_a_forgotten_person_cannot_be_described() -> None:
    """Nothing can be recorded about a forgotten person."""
    with pytest.raises(Precondition) as refused:
        update(mentor(forget_time=NOW), spec(), "display_name")
    assert refused.value.reason == "PERSON_FORGOTTEN"


@pytest.mark.parametrize(
    ("fields", "paths", "named"),
    [
        ({"industry_expert": True}, ("industry_expert",), "industry_expert"),
        ({"kind": "investor"}, ("title", "kind"), "kind"),
        ({"kind": "investor", "industry_expert": True}, ("*",), "kind,industry_expert"),
    ],
)
def test_an_update_does_not_classify(fields: dict[str, object], paths: tuple[str, ...], named: str) -> None:
    """Nobody passes a quota of a panel by describing herself otherwise; `*` with the present values is an update."""
    with pytest.raises(Precondition) as refused:
        update(mentor(), spec(**fields), *paths)
    assert (refused.value.reason, refused.value.metadata) == ("CLASSIFICATION_FIXED", {"fields": named})
    assert update(mentor(), spec(title="教授"), "*").title == "教授"


def test_classifying_changes_nothing_else() -> None:
    """Kind and industry expert are set together, and the fact says so."""
    known = mentor()
    command = ClassifyMentor(name=known.name, kind="investor", industry_expert=True)
    change = mentors.classify(known, command, VOCABULARY)
    assert change.reply == known.with_(kind="investor", industry_expert=True)
    assert change.facts == (MentorUpdated.of(known.with_(kind="investor", industry_expert=True)),)


def test_who_cannot_be_classified() -> None:
    """The kind is one of the profile, the version the caller's, and the person not forgotten."""
    command = ClassifyMentor(name="mentors/m1", kind="investor", etag="v1")
    with pytest.raises(Invalid, match="kind"):
        mentors.classify(mentor(), command.model_copy(update={"kind": "wizard"}), VOCABULARY)
    with pytest.raises(Stale):
        mentors.classify(mentor(version=2), command, VOCABULARY)
    with pytest.raises(Precondition, match="forgotten"):
        mentors.classify(mentor(forget_time=NOW), command, VOCABULARY)


def test_a_term_includes_its_first_day_and_not_its_end() -> None:
    """A session on the day after the appointment ended is not one of an appointed mentor."""
    known = mentor([term(-10, 5), term(20, 30, number="吉创导2025-002")])
    valid = [offset for offset in range(-15, 35) if known.appointed_on(day(offset))]
    assert valid == [*range(-10, 5), *range(20, 30)]

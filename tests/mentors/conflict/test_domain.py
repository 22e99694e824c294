"""Conflicts of interest: what makes a mentor partial towards a startup, and what it rests on."""

import pytest

from services.mentors.domain.conflict import Conflict, ConflictKind, conflicts, review_conflicts
from services.mentors.domain.mentee import Mentee, Relation
from services.mentors.domain.mentor import Affiliation, Holding, Mentor
from services.mentors.domain.residence import Residence, Stay
from tests.mentors.samples import MENTORS_PROFILE, TODAY, day, mentor, startup

ROLES = MENTORS_PROFILE.matching.officer_roles
CODE, OTHER_CODE = "91220202MA0Y1X2KX3", "91220203MA0Y3T5R6B"
FIRM = startup(display_name="松江碳材（吉林）科技有限公司", credit_code=CODE)


def found(who: Mentor, *, review: bool = False) -> list[tuple[ConflictKind, tuple[str, ...]]]:
    """Return the conflicts with the firm, to advise or to judge it, after checking whom they name."""
    if review:
        all_of = review_conflicts(who, FIRM, ROLES, mentee=None, residence=None, day=TODAY)
    else:
        all_of = conflicts(who, FIRM, ROLES)
    assert {conflict.startup for conflict in all_of} <= {FIRM.name}
    return [(conflict.kind, conflict.basis) for conflict in all_of]


def works_in(organisation: str, credit_code: str = "", role: str = "") -> Mentor:
    """Return a mentor with one affiliation."""
    return mentor(affiliations=(Affiliation(organisation=organisation, credit_code=credit_code, role=role),))


@pytest.mark.parametrize("review", [False, True])
def test_a_mentor_without_interests_has_no_conflict(review: bool) -> None:
    """Work in another organisation and shares in another startup are no conflict."""
    others = (Affiliation(organisation="松江材料公司", credit_code=OTHER_CODE, role="董事长"),)
    assert found(mentor(), review=review) == []
    assert found(mentor(organisation="吉林大学", affiliations=others), review=review) == []
    assert found(mentor(holdings=(Holding(startup="startups/other", share_per_mille=5),)), review=review) == []


@pytest.mark.parametrize("share", [0, 1, 1000])
def test_shares_are_a_conflict(share: int) -> None:
    """However small the share is, and even if it is not known."""
    who = mentor(holdings=(Holding(startup=FIRM.name, share_per_mille=share),))
    assert found(who) == found(who, review=True) == [(ConflictKind.HOLDS_SHARES, (str(share),))]


def test_the_same_credit_code_is_the_same_organisation() -> None:
    """An affiliation with the startup's credit code is the startup, whatever the mentor calls it."""
    assert found(works_in("碳材", CODE, "顾问")) == [(ConflictKind.SAME_ORGANISATION, ("碳材",))]


@pytest.mark.parametrize(
    "name", ["松江碳材（吉林）科技有限公司", "松江碳材(吉林)科技有限公司", " 松江碳材 ( 吉林 ) 科技有限公司"]
)
@pytest.mark.parametrize("code", ["", OTHER_CODE])
def test_the_same_name_is_the_same_organisation(name: str, code: str) -> None:
    """Width, spaces and punctuation do not matter; nor does another code, which may be mistyped."""
    assert found(works_in(name, code)) == [(ConflictKind.SAME_ORGANISATION, (name.strip(),))]


def test_the_employer_is_an_organisation_too() -> None:
    """A mentor whom the startup employs is in conflict without any affiliation, and once if there is one as well."""
    conflict = [(ConflictKind.SAME_ORGANISATION, (FIRM.display_name,))]
    assert found(mentor(organisation=FIRM.display_name)) == conflict
    both = works_in(FIRM.display_name, CODE).with_(organisation=FIRM.display_name)
    assert found(both) == conflict


def test_a_team_without_a_code_has_no_organisation_without_a_code() -> None:
    """Two missing credit codes are not the same code, and two missing names not the same name."""
    team = startup(display_name="", credit_code=None)
    assert conflicts(works_in("松江材料公司"), team, ROLES) == ()
    assert conflicts(mentor(organisation=""), team, ROLES) == ()


@pytest.mark.parametrize(
    "role", ["创始人", "联合创始人兼CEO", "法定代表人", "独立董事", "监事", "Co-Founder", "CHIEF technology officer"]
)
def test_founders_and_officers_are_named_as_such(role: str) -> None:
    """A role that contains a word of the profile makes an officer; the basis names the organisation and the role."""
    assert found(works_in("碳材", CODE, role)) == [(ConflictKind.OFFICER, ("碳材", role))]


@pytest.mark.parametrize("role", ["", "顾问", "工程师", "engineer"])
def test_other_roles_are_work_in_the_organisation(role: str) -> None:
    """A role without such a word, or none, is a conflict all the same."""
    assert found(works_in("碳材", CODE, role)) == [(ConflictKind.SAME_ORGANISATION, ("碳材",))]


def test_every_conflict_is_named() -> None:
    """Shares and an office are two conflicts, and a review adds its own after them."""
    who = works_in("碳材", CODE, "董事").with_(
        holdings=(Holding(startup=FIRM.name, share_per_mille=50),), spaces=("spaces/s1", "spaces/s2")
    )
    kinds = [ConflictKind.HOLDS_SHARES, ConflictKind.OFFICER]
    assert [kind for kind, _ in found(who)] == kinds
    review = review_conflicts(who, FIRM, ROLES, mentee=mentee(3), residence=tenant_of("spaces/s2"), day=TODAY)
    assert [conflict.kind for conflict in review] == [*kinds, ConflictKind.MENTOR_OF, ConflictKind.SAME_SPACE]


# --- reviews ----------------------------------------------------------------------------------


def mentee(sessions: int, of: str = "mentors/m1") -> Mentee:
    """Return the relation of the firm to a mentor."""
    relation = Relation(
        mentor=of, mentor_display_name="林江", sessions=sessions, minutes=60, last_date=day(-9), sequence=4
    )
    return Mentee(name=FIRM.name, relations=(relation,))


def tenant_of(space: str, start: int = -30, end: int | None = None) -> Residence:
    """Return a residence with one stay."""
    end_date = None if end is None else day(end)
    stay = Stay(tenancy=f"{space}/tenancies/t1", sequence=1, space=space, start_date=day(start), end_date=end_date)
    return Residence(name=FIRM.name, stays=(stay,))


def reviewed(sessions: Mentee | None, where: Residence | None) -> tuple[Conflict, ...]:
    """Return the conflicts of a mentor of the space s1 who has no interest in the firm."""
    return review_conflicts(mentor(), FIRM, ROLES, mentee=sessions, residence=where, day=TODAY)


def test_a_mentor_of_the_startup_does_not_judge_it() -> None:
    """A confirmed session is a conflict that names their number and the last day; those of other mentors are none."""
    [conflict] = reviewed(mentee(3), None)
    assert (conflict.kind, conflict.basis) == (ConflictKind.MENTOR_OF, ("3", str(day(-9))))
    assert reviewed(mentee(3, of="mentors/m2"), None) == ()


def test_a_relation_that_lost_its_sessions_is_no_conflict() -> None:
    """A relation whose only session was rejected stays on record and does not count."""
    assert reviewed(mentee(0), None) == ()


def test_a_mentor_of_the_space_does_not_judge_its_tenants() -> None:
    """The space where the startup is a tenant on the day and which has appointed the mentor is a conflict."""
    [conflict] = reviewed(None, tenant_of("spaces/s1"))
    assert (conflict.kind, conflict.basis) == (ConflictKind.SAME_SPACE, ("spaces/s1",))


@pytest.mark.parametrize("where", [tenant_of("spaces/s2"), tenant_of("spaces/s1", -30, 0), tenant_of("spaces/s1", 1)])
def test_another_space_or_another_time_is_no_conflict(where: Residence) -> None:
    """A stay in another space, one that has ended, and one that has not begun do not matter."""
    assert reviewed(None, where) == ()


def test_space_and_sessions_do_not_matter_for_advice() -> None:
    """A mentor of the startup's own space, or one who has advised it before, may advise it."""
    assert found(mentor(spaces=("spaces/s1",))) == []

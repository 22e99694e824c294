"""What is sought in a mentor: by a startup, by a need, or by both."""

from typing import Annotated

from pydantic import Field

from libs.common.domain.entity import Value
from libs.common.domain.errors import Invalid
from libs.common.domain.names import Code, DistrictName
from services.mentors.domain.mentor import Codes, Format, Language, Vocabulary
from services.mentors.domain.names import SpaceName, StartupName
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Stage, Startup

DEFAULT_MATCHES, MAX_MATCHES = 10, 50


class Need(Value):
    """What is sought in a mentor. Empty fields are not sought."""

    technology_field: Code = ""
    industry_chain: Code = ""
    skills: Codes = ()
    languages: Annotated[tuple[Language, ...], Field(max_length=20)] = ()
    stage: Stage | None = None
    formats: Annotated[tuple[Format, ...], Field(max_length=10)] = ()
    district: DistrictName = ""
    space: SpaceName | None = None

    def ensure_valid(self, vocabulary: Vocabulary) -> None:
        """Refuse codes that the city's profile does not have (MALFORMED)."""
        city = vocabulary.city
        if self.technology_field and self.technology_field not in city.technology_fields:
            raise Invalid.field("need.technology_field", "MALFORMED", "not a technology field of the city's profile")
        if self.industry_chain and self.industry_chain not in city.industry_chains:
            raise Invalid.field("need.industry_chain", "MALFORMED", "not an industry chain of the city's profile")
        for index, skill in enumerate(self.skills):
            if skill not in vocabulary.skills:
                raise Invalid.field(f"need.skills[{index}]", "MALFORMED", "not a skill of the city's profile")
        if self.district and self.district not in city.districts:
            raise Invalid.field("need.district", "MALFORMED", "not a district or zone of the city")


class MatchMentors(Value):
    """Find mentors for a startup, for a need, or for a startup with a need that goes before its description."""

    startup: StartupName | None = None
    need: Need = Need()
    max_matches: Annotated[int, Field(ge=0, le=MAX_MATCHES)] = 0

    @property
    def limit(self) -> int:
        """The largest number of matches to return."""
        return self.max_matches or DEFAULT_MATCHES

    def ensure_valid(self, vocabulary: Vocabulary) -> None:
        """Refuse a query that names neither a startup nor a need (REQUIRED), and unknown codes (MALFORMED)."""
        if self.startup is None and self.need == Need():
            raise Invalid.field("startup", "REQUIRED", "name a startup, a need, or both")
        self.need.ensure_valid(vocabulary)


class Sought(Value):
    """What is sought, after what is known of the startup was added."""

    startup: Startup | None = None
    technology_field: str = ""
    industry_chain: str = ""
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    stage: str = ""
    formats: tuple[str, ...] = ()
    districts: frozenset[str] = frozenset()
    space: str = ""

    @property
    def has_subject(self) -> bool:
        """Whether a field of technology, an industry chain or skills are sought."""
        return bool(self.technology_field or self.industry_chain or self.skills)


def sought(need: Need, startup: Startup | None, space: Space | None) -> Sought:
    """Return what a query seeks. A field that the need leaves empty is that of the startup, if one is given.

    `space` is the one that the need names, or else the one where the startup is a tenant.
    """
    near = (need.district or (startup.district if startup else ""), *((space.district, space.zone) if space else ()))
    return Sought(
        startup=startup,
        technology_field=need.technology_field or (startup.technology_field if startup else ""),
        industry_chain=need.industry_chain or (startup.industry_chain if startup else ""),
        skills=tuple(dict.fromkeys(need.skills)),
        languages=tuple(dict.fromkeys(need.languages)),
        stage=need.stage or (startup.stage if startup else ""),
        formats=tuple(dict.fromkeys(need.formats)),
        districts=frozenset(near) - {""},
        space=space.name if space else "",
    )

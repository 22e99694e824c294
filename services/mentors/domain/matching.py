"""The table `matching` of the profile: the weights of a match, and who counts as an officer of a startup."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from libs.common.domain.profile import Section, Words

Points = Annotated[int, Field(ge=0, le=100)]
TOTAL = 100


class MatchWeights(Section):
    """The most points that each reason yields. They add up to 100."""

    technology_field: Points
    industry_chain: Points
    skill: Points
    language: Points
    stage: Points
    format: Points
    space: Points
    district: Points
    load: Points
    results: Points
    rating: Points

    @model_validator(mode="after")
    def _ensure_total(self) -> Self:
        total = sum(dict(self).values())
        if total != TOTAL:
            raise ValueError(f"the weights add up to {total}, not to {TOTAL}")
        return self


class MatchingSection(Section):
    """The rules of matching, and where they are from.

    `full_sessions` are the confirmed sessions of two years that yield the full weight of results, `min_ratings` the
    ratings without which an average says nothing, `officer_roles` the words by which the role of an affiliation is
    known as that of an officer.
    """

    source: Words
    full_sessions: int = Field(ge=1)
    min_ratings: int = Field(ge=1)
    officer_roles: tuple[Words, ...] = Field(strict=False)
    weights: MatchWeights

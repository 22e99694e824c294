"""The section of the city's profile that spaces owns: `spaces.toml`."""

from typing import Annotated

from pydantic import AfterValidator

from libs.common.domain.profile import Section, Text
from services.spaces.domain.space import Kind


def _ensure_all_kinds(kinds: dict[str, Text]) -> dict[str, Text]:
    if difference := ", ".join(sorted(kinds.keys() ^ {kind.value for kind in Kind})):
        raise ValueError(f"{difference}: missing, or not a kind of space")
    return kinds


class SpacesProfile(Section):
    """What the city calls each kind of space (clauses 7, 23 and 34 of the policy)."""

    kinds: Annotated[dict[str, Text], AfterValidator(_ensure_all_kinds)]

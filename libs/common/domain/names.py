"""Types of resource names, codes and etags."""

import re
from typing import Annotated

from pydantic import StringConstraints


def resource_name(pattern: str) -> StringConstraints:
    """Constrain a text to names like `spaces/{space}/tenancies/{tenancy}`. Ids have 1 to 40 characters of 0-9, a-z."""
    expression = re.sub(r"\{[a-z_]+\}", "[0-9a-z]{1,40}", pattern)
    return StringConstraints(pattern=f"^{expression}$", max_length=40 + 40 * pattern.count("{"))


#: A code of the city's profile, at most 60 characters.
Code = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$", max_length=60)]
#: A district or zone of the city's profile.
DistrictName = Annotated[str, StringConstraints(pattern=r"^(districts/[0-9]{6})?$", max_length=40)]
#: The version of an entity that the caller has read.
Etag = Annotated[str, StringConstraints(pattern=r"^(v[0-9]{1,18})?$", max_length=64)]

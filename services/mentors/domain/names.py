"""Resource names that mentors uses."""

from typing import Annotated

from pydantic import StringConstraints

from libs.common.domain.names import resource_name

MentorName = Annotated[str, resource_name("mentors/{mentor}")]
ConsultationName = Annotated[str, resource_name("consultations/{consultation}")]
NominationName = Annotated[str, resource_name("mentors/{mentor}/nomination")]
MentorContactName = Annotated[str, resource_name("mentors/{mentor}/contact")]
AvailabilityName = Annotated[str, resource_name("mentors/{mentor}/availability")]
BlockName = Annotated[str, resource_name("mentors/{mentor}/blocks/{block}")]
#: Who nominates or appoints a mentor: a space, or for the city's corps a district.
AppointerName = Annotated[
    str, StringConstraints(pattern=r"^(spaces/[0-9a-z]{1,40}|districts/[0-9]{6})$", max_length=80)
]
PanelName = Annotated[str, resource_name("panels/{panel}")]
PanelDrawName = Annotated[str, resource_name("panels/{panel}/draw")]
DeclarationName = Annotated[str, resource_name("panels/{panel}/declarations/{declaration}")]
SecondmentName = Annotated[str, resource_name("secondments/{secondment}")]
SpaceName = Annotated[str, resource_name("spaces/{space}")]
StartupName = Annotated[str, resource_name("startups/{startup}")]
TenancyName = Annotated[str, resource_name("spaces/{space}/tenancies/{tenancy}")]

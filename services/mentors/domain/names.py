"""Resource names that mentors uses."""

from typing import Annotated

from libs.common.domain.names import resource_name

MentorName = Annotated[str, resource_name("mentors/{mentor}")]
ConsultationName = Annotated[str, resource_name("consultations/{consultation}")]
PanelName = Annotated[str, resource_name("panels/{panel}")]
SecondmentName = Annotated[str, resource_name("secondments/{secondment}")]
SpaceName = Annotated[str, resource_name("spaces/{space}")]
StartupName = Annotated[str, resource_name("startups/{startup}")]
TenancyName = Annotated[str, resource_name("spaces/{space}/tenancies/{tenancy}")]

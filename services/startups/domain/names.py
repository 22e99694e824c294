"""Resource names that startups uses."""

from typing import Annotated

from libs.common.domain.names import resource_name

StartupName = Annotated[str, resource_name("startups/{startup}")]
SpaceName = Annotated[str, resource_name("spaces/{space}")]
MentorName = Annotated[str, resource_name("mentors/{mentor}")]

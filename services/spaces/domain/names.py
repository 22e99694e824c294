"""Resource names that spaces uses."""

from typing import Annotated

from libs.common.domain.names import resource_name

SpaceName = Annotated[str, resource_name("spaces/{space}")]
TenancyName = Annotated[str, resource_name("spaces/{space}/tenancies/{tenancy}")]
StartupName = Annotated[str, resource_name("startups/{startup}")]

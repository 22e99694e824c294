"""Resource names that lockers uses."""

from typing import Annotated

from libs.common.domain.names import resource_name

LockerName = Annotated[str, resource_name("lockers/{locker}")]
LoanName = Annotated[str, resource_name("loans/{loan}")]
SpaceName = Annotated[str, resource_name("spaces/{space}")]
StartupName = Annotated[str, resource_name("startups/{startup}")]

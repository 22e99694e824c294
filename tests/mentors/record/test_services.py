"""Where a service counts: in the space, district and zone of the startup's tenancy on the day."""

from libs.common.domain.entity import Value
from services.mentors.domain.record import located, services_for
from services.mentors.domain.residence import Residence, Stay
from services.mentors.domain.startup import Startup
from tests.mentors.samples import TODAY

STARTUP = Startup(name="startups/a1", display_name="松江碳材", district="districts/220211")
STAY = Stay(
    tenancy="spaces/s1/tenancies/t1",
    sequence=1,
    space="spaces/s1",
    district="districts/220202",
    zone="districts/220271",
    start_date=TODAY,
)


def place(service: Value) -> tuple[str, str, str]:
    """Return space, district and zone of a service."""
    return tuple(getattr(service, field) for field in ("space", "district", "zone"))


def test_a_tenant_is_served_in_its_space() -> None:
    """The space of the tenancy decides, not where the startup is registered."""
    [service] = services_for((STARTUP,), (Residence(name=STARTUP.name, stays=(STAY,)),), TODAY)
    assert place(service) == ("spaces/s1", "districts/220202", "districts/220271")


def test_who_is_no_tenant_is_served_in_its_own_district() -> None:
    """Without a tenancy on the day there is neither a space nor a zone."""
    later = Residence(name=STARTUP.name, stays=(STAY.model_copy(update={"start_date": TODAY.replace(year=2030)}),))
    for residence in (None, later):
        [service] = services_for((STARTUP,), (residence,), TODAY)
        assert place(service) == ("", "districts/220211", "")


def test_a_fact_without_the_district_leaves_that_of_the_startup() -> None:
    """A stay that was noted before tenancies named their district."""
    [service] = services_for((STARTUP,), (None,), TODAY)
    assert place(located(service, STAY.model_copy(update={"district": "", "zone": ""}))) == (
        "spaces/s1",
        "districts/220211",
        "",
    )

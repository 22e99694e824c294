"""An example of each entity about mentors and of each projection, with every field set, and bad values of fields."""

from collections.abc import Mapping
from datetime import UTC, datetime

from google.type.date_pb2 import Date

from libs.api.hatchery.mentors.v1 import appointment_pb2 as terms
from libs.common.domain.entity import Entity
from services.mentors.domain.certificate_number import CertificateNumber, certificate_name
from services.mentors.domain.contact import MentorContact
from services.mentors.domain.evidence import Evidence, EvidenceKind
from services.mentors.domain.forgetting import Erasure
from services.mentors.domain.mentor import Affiliation, Format, Holding, Mentor, RetireReason, State
from services.mentors.domain.nomination import Activity, Degree, Honour, Level, Nomination
from services.mentors.domain.residence import Residence, Stay
from services.mentors.domain.space import Space
from services.mentors.domain.startup import Stage, Startup
from tests.contracts.requests import BadValue
from tests.mentors.samples import day, term

THEN = datetime(2026, 11, 24, 4, 0, 0, 123000, tzinfo=UTC)
PAPER = Evidence(
    kind=EvidenceKind.AGREEMENT, title="履职尽责承诺书", link="https://files.example.org/1.pdf", sha256="0a" * 32
)

ENTITIES: tuple[Entity, ...] = (
    Mentor(
        name="mentors/0mentor",
        version=7,
        create_time=THEN,
        update_time=THEN,
        display_name="林江",
        kind="entrepreneur",
        district="districts/220203",
        title="高级工程师",
        organisation="松江材料公司",
        affiliations=(Affiliation(organisation="松江材料公司", credit_code="91220202MA0Y1X2KX3", role="总经理"),),
        holdings=(Holding(startup="startups/0startup", share_per_mille=50),),
        technology_fields=("new-materials",),
        industry_chains=("new-materials",),
        skills=("fundraising",),
        languages=("zh", "en"),
        biography_zh="从事碳纤维复合材料二十年。",
        biography_en="Twenty years in carbon fibre composites.",
        industry_expert=True,
        formats=(Format.ON_SITE, Format.VIDEO),
        offered_minutes_per_month=480,
        stages=(Stage.TEAM,),
        state=State.SUSPENDED,
        nominator="spaces/0space",
        spaces=("spaces/0space",),
        districts=("districts/220203",),
        appointments=(term(appointer="spaces/0space"), term(appointer="districts/220203", number="吉创导2025-002")),
        suspension_end_date=day(30),
        retire_reason=RetireReason.RESIGNED,
        forget_time=THEN,
        due_time=THEN,
    ),
    Nomination(
        name="mentors/0mentor/nomination",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        nominator="spaces/0space",
        district="districts/220203",
        organisation="松江材料公司",
        activities=(Activity(topic="融资路演辅导", organiser="江城孵化器", date=day(-90)),),
        honours=(Honour(title="优秀企业家", level=Level.CITY, year=2024),),
        birth_year=1975,
        degree=Degree.MASTER,
        employer_consent=PAPER,
        commitment_letter=PAPER,
        documents=(PAPER,),
        rejection_reason="材料不齐",
    ),
    MentorContact(
        name="mentors/0mentor/contact",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        phone="+86 432 6200 0000",
        email="mentor@example.org",
    ),
    CertificateNumber(
        name=certificate_name("吉创导2025-001"),
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        number="吉创导2025-001",
    ),
    Erasure(
        name="mentors/0mentor/erasure",
        version=7,
        create_time=THEN,
        update_time=THEN,
        mentor="mentors/0mentor",
        due_time=THEN,
    ),
    Startup(
        name="startups/0startup",
        version=7,
        create_time=THEN,
        update_time=THEN,
        display_name="松江碳材",
        stage="FIRM",
        credit_code="91220202MA0Y1X2KX3",
        district="districts/220203",
        technology_field="new-materials",
        industry_chain="new-materials",
        founded_date=day(-900),
        sequence=3,
    ),
    Space(
        name="spaces/0space",
        version=7,
        create_time=THEN,
        update_time=THEN,
        display_name="江城孵化器",
        kind="INCUBATOR",
        district="districts/220203",
        zone="districts/220271",
        sequence=3,
    ),
    Residence(
        name="startups/0startup",
        version=7,
        create_time=THEN,
        update_time=THEN,
        stays=(
            Stay(
                tenancy="spaces/0space/tenancies/0tenancy",
                sequence=3,
                space="spaces/0space",
                district="districts/220203",
                zone="districts/220271",
                start_date=day(-90),
                end_date=day(275),
            ),
        ),
    ),
)

MALFORMED = frozenset({"MALFORMED"})
APPOINTERS: tuple[BadValue, ...] = (
    ("mentors/x", MALFORMED),
    ("spaces/-", MALFORMED),
    ("spaces/", MALFORMED),
    ("spaces/x/tenancies/y", MALFORMED),
    ("districts/999999", MALFORMED),
    ("districts/22020", MALFORMED),
    ("districts/220203/x", MALFORMED),
    ("{$ne: 1}", MALFORMED),
    ("名", MALFORMED),
    ("spaces/x\n", MALFORMED),
)
LINKS: tuple[BadValue, ...] = (
    ("http://files.example.org/1.pdf", MALFORMED),
    ("javascript:alert(1)", MALFORMED),
    ("https://", MALFORMED),
    ("https://files.example.org/1 2.pdf", MALFORMED),
    ("https://文件.example.org/1.pdf", MALFORMED),
    ("https://files.example.org/\u202e", MALFORMED),
    ("https://files.example.org/1.pdf\n", MALFORMED),
)
NUMBERS: tuple[BadValue, ...] = (
    ("\u3164\u3164", frozenset({"INVISIBLE_TEXT"})),
    ("JC-\u202e1", frozenset({"CONTROL_CHARACTER"})),
    ("JC-\ue000", frozenset({"PRIVATE_CHARACTER"})),
    ("Pаypal", frozenset({"MIXED_SCRIPTS"})),
)
BAD_VALUES: Mapping[str, tuple[BadValue, ...]] = {
    "NominateMentorRequest.nominator": APPOINTERS,
    "AppointMentorRequest.appointer": APPOINTERS,
    "EndAppointmentRequest.certificate_number": NUMBERS,
    "RetireMentorRequest.retire_reason": (
        (terms.RETIRE_REASON_TERM_ENDED, MALFORMED),
        (terms.RETIRE_REASON_FORGOTTEN, MALFORMED),
    ),
    "Evidence.link": LINKS,
}
FACT_VALUES: Mapping[str, object] = {
    "kind": "entrepreneur",
    "industry_expert": True,
    "appointments": terms.Appointment(
        appointer="spaces/0space",
        body="江城孵化器",
        certificate_number="吉创导2025-001",
        start_date=Date(year=2025, month=11, day=24),
        end_date=Date(year=2028, month=11, day=24),
    ),
}
#: The papers and the contact are not part of the mentor.
UNANSWERED = ("MentorService.NominateMentor:nomination", "MentorService.NominateMentor:contact")

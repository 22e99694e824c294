"""The section of the city's profile that mentors owns: `mentors.toml`."""

from typing import Annotated

from pydantic import BeforeValidator

from libs.common.domain.profile import City, Section, Term, with_codes
from services.mentors.domain.appointment import AppointmentSection
from services.mentors.domain.availability import AvailabilitySection
from services.mentors.domain.certificate import CertificateSection
from services.mentors.domain.counting import CountingSection
from services.mentors.domain.coverage import CoverageSection
from services.mentors.domain.matching import MatchingSection
from services.mentors.domain.mentor import Vocabulary
from services.mentors.domain.nomination import NominationSection
from services.mentors.domain.panel import PanelsSection
from services.mentors.domain.record import RecordSection

Terms = Annotated[dict[str, Term], BeforeValidator(with_codes)]


class MentorsProfile(Section):
    """What the city says of mentors: vocabularies, and the rules of the field with their sources."""

    # --- mentors ---
    kinds: Terms
    skills: Terms
    appointment: AppointmentSection
    nomination: NominationSection

    # --- availability ---
    availability: AvailabilitySection

    # --- reports ---
    counting: CountingSection
    coverage: CoverageSection
    certificate: CertificateSection

    # --- matching ---
    matching: MatchingSection

    # --- records ---
    record: RecordSection

    # --- panels ---
    panels: PanelsSection

    def vocabulary(self, city: City) -> Vocabulary:
        """Return the codes that describe a mentor."""
        return Vocabulary(city, self.kinds.keys(), self.skills.keys())

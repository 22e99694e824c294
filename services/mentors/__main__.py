"""Run mentors: create the parts, join them, serve until stopped."""

from functools import partial
from secrets import token_hex
from zoneinfo import ZoneInfo

from libs.api.hatchery.mentors.v1 import (
    availability_pb2,
    consultation_pb2,
    contact_pb2,
    facts_pb2,
    match_pb2,
    mentor_pb2,
    nomination_pb2,
    panel_pb2,
    report_pb2,
    secondment_pb2,
)
from libs.api.hatchery.mentors.v1.availability_pb2_grpc import add_AvailabilityServiceServicer_to_server
from libs.api.hatchery.mentors.v1.consultation_pb2_grpc import add_ConsultationServiceServicer_to_server
from libs.api.hatchery.mentors.v1.contact_pb2_grpc import add_MentorContactServiceServicer_to_server
from libs.api.hatchery.mentors.v1.match_pb2_grpc import add_MatchServiceServicer_to_server
from libs.api.hatchery.mentors.v1.mentor_pb2_grpc import add_MentorServiceServicer_to_server
from libs.api.hatchery.mentors.v1.nomination_pb2_grpc import add_NominationServiceServicer_to_server
from libs.api.hatchery.mentors.v1.panel_pb2_grpc import add_PanelServiceServicer_to_server
from libs.api.hatchery.mentors.v1.report_pb2_grpc import add_ReportServiceServicer_to_server
from libs.api.hatchery.mentors.v1.secondment_pb2_grpc import add_SecondmentServiceServicer_to_server
from libs.calendar.work_days import HolidaysSection, WorkCalendar
from libs.common.runtime.main import run
from libs.common.runtime.runtime import open_runtime
from libs.common.runtime.server import Servicer
from libs.common.runtime.settings import Settings
from libs.common.runtime.sweeper import Timer
from services.mentors.domain.availability import CityHours
from services.mentors.domain.panel_commands import PanelRules
from services.mentors.domain.profile import MentorsProfile
from services.mentors.grants import GRANTS
from services.mentors.rpc.availability import AvailabilityRpc
from services.mentors.rpc.consultation import ConsultationRpc
from services.mentors.rpc.contact import MentorContactRpc
from services.mentors.rpc.match import MatchRpc
from services.mentors.rpc.mentor import MentorRpc
from services.mentors.rpc.nomination import NominationRpc
from services.mentors.rpc.panel import PanelRpc
from services.mentors.rpc.report import ReportRpc
from services.mentors.rpc.secondment import SecondmentRpc
from services.mentors.service.advance import ConsultationTimer
from services.mentors.service.appointment import Appointments
from services.mentors.service.availability import Availabilities
from services.mentors.service.block import Blocks
from services.mentors.service.booking import Bookings
from services.mentors.service.commitment import CommitmentQueries
from services.mentors.service.contact import Contacts
from services.mentors.service.forgetting import Forgetting
from services.mentors.service.match import Matching
from services.mentors.service.mentor import Mentors
from services.mentors.service.nomination import Nominations
from services.mentors.service.note import Notes
from services.mentors.service.panel import Panels
from services.mentors.service.projection import Projections
from services.mentors.service.record import Records
from services.mentors.service.report import Reports
from services.mentors.service.secondment import Secondments
from services.mentors.store import MentorsStore
from services.mentors.subscriptions import subscriptions


async def main() -> None:
    """Serve mentors, their appointments, calendars and consultations."""
    async with open_runtime("mentors", Settings()) as runtime:
        profile = runtime.section(MentorsProfile)
        store = runtime.store(MentorsStore, facts_pb2)
        mentors = Mentors(store, runtime.clock, runtime.names, runtime.city, profile)
        appointments = Appointments(store, runtime.clock, runtime.city, profile)
        nominations = Nominations(store, runtime.clock, runtime.city, profile)
        contacts = Contacts(store)
        forgetting = Forgetting(store, runtime.clock, runtime.city)
        projections = Projections(store)
        work_calendar = WorkCalendar.of(runtime.section(HolidaysSection, "holidays"))
        city_hours = CityHours.of(profile.availability, work_calendar, ZoneInfo(runtime.city.time_zone))
        availabilities = Availabilities(store, runtime.clock, city_hours)
        blocks = Blocks(store, runtime.clock, runtime.names, city_hours)
        commitments = CommitmentQueries(store, runtime.clock, city_hours)
        bookings = Bookings(store, runtime.clock, runtime.names, city_hours)
        records = Records(store, runtime.clock, runtime.names, runtime.city, profile.record)
        consultation_timer = ConsultationTimer(store, bookings, records)
        reports = Reports(store, runtime.clock, runtime.city, profile)
        matching = Matching(store, runtime.clock, runtime.city, profile)
        panel_rules = PanelRules(
            city=runtime.city,
            zone=ZoneInfo(runtime.city.time_zone),
            kinds=profile.kinds.keys(),
            officer_roles=profile.matching.officer_roles,
            section=profile.panels,
        )
        panels = Panels(store, runtime.clock, runtime.names, panel_rules, partial(token_hex, 16))
        secondments = Secondments(store, runtime.clock, runtime.names, runtime.city)
        await runtime.serve(
            store,
            servicers=(
                Servicer(mentor_pb2, add_MentorServiceServicer_to_server, MentorRpc(mentors, appointments, forgetting)),
                Servicer(nomination_pb2, add_NominationServiceServicer_to_server, NominationRpc(nominations)),
                Servicer(contact_pb2, add_MentorContactServiceServicer_to_server, MentorContactRpc(contacts)),
                Servicer(
                    availability_pb2,
                    add_AvailabilityServiceServicer_to_server,
                    AvailabilityRpc(availabilities, blocks, commitments),
                ),
                Servicer(
                    consultation_pb2,
                    add_ConsultationServiceServicer_to_server,
                    ConsultationRpc(bookings, records, Notes(store)),
                ),
                Servicer(report_pb2, add_ReportServiceServicer_to_server, ReportRpc(reports)),
                Servicer(match_pb2, add_MatchServiceServicer_to_server, MatchRpc(matching)),
                Servicer(panel_pb2, add_PanelServiceServicer_to_server, PanelRpc(panels)),
                Servicer(secondment_pb2, add_SecondmentServiceServicer_to_server, SecondmentRpc(secondments)),
            ),
            grants=GRANTS,
            subscriptions=subscriptions(projections),
            timers=(
                Timer("mentors", appointments.advance),
                Timer("erasures", forgetting.erase),
                Timer("consultations", consultation_timer.advance),
                Timer("secondments", secondments.advance),
            ),
        )


if __name__ == "__main__":
    run(main)

"""Run mentors: create the parts, join them, serve until stopped."""

from libs.api.hatchery.mentors.v1 import contact_pb2, facts_pb2, mentor_pb2, nomination_pb2
from libs.api.hatchery.mentors.v1.contact_pb2_grpc import add_MentorContactServiceServicer_to_server
from libs.api.hatchery.mentors.v1.mentor_pb2_grpc import add_MentorServiceServicer_to_server
from libs.api.hatchery.mentors.v1.nomination_pb2_grpc import add_NominationServiceServicer_to_server
from libs.common.runtime.main import run
from libs.common.runtime.runtime import open_runtime
from libs.common.runtime.server import Servicer
from libs.common.runtime.settings import Settings
from libs.common.runtime.sweeper import Timer
from services.mentors.domain.profile import MentorsProfile
from services.mentors.grants import GRANTS
from services.mentors.rpc.contact import MentorContactRpc
from services.mentors.rpc.mentor import MentorRpc
from services.mentors.rpc.nomination import NominationRpc
from services.mentors.service.appointment import Appointments
from services.mentors.service.contact import Contacts
from services.mentors.service.mentor import Mentors
from services.mentors.service.nomination import Nominations
from services.mentors.service.projection import Projections
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
        projections = Projections(store)
        await runtime.serve(
            store,
            servicers=(
                Servicer(mentor_pb2, add_MentorServiceServicer_to_server, MentorRpc(mentors, appointments)),
                Servicer(nomination_pb2, add_NominationServiceServicer_to_server, NominationRpc(nominations)),
                Servicer(contact_pb2, add_MentorContactServiceServicer_to_server, MentorContactRpc(contacts)),
            ),
            grants=GRANTS,
            subscriptions=subscriptions(projections),
            timers=(Timer("mentors", appointments.advance),),
        )


if __name__ == "__main__":
    run(main)

"""Requests to log consultations, the documents that they need, and what is counted afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from bench.contenders import Database
from bench.dataset import ZONE
from bench.mentor_city import insert_entities
from bench.mentoring import ADVICE, PROBLEM, RESULT, Mentoring, new_mentor
from libs.api.hatchery.mentors.v1 import consultation_pb2, profession_pb2
from services.mentors.domain.consultation import State
from services.mentors.store import MENTORS

LOG_CONSULTATION = "/hatchery.mentors.v1.ConsultationService/LogConsultation"
#: The sessions of a full week: half an hour each, from 9 to 17 on five days.
SESSIONS_A_DAY, WORK_DAYS = 16, 5


@dataclass(frozen=True, slots=True)
class Records:
    """The sessions that are logged in one cell, by mentors of its own and with startups of the city.

    The names of the mentors contain the cell's, so that everything can be counted and removed afterwards.
    """

    cell: str
    city: Mentoring
    mentors: int

    def insert(self, database: Database) -> None:
        """Insert the mentors, durably."""
        names = (self._mentor(number) for number in range(self.mentors))
        appointed = (
            new_mentor(name, self.city.today, self.city.space_name(number % self.city.spaces))
            for number, name in enumerate(names)
        )
        insert_entities(database, MENTORS, appointed)

    def requests(self, count: int) -> Iterator[bytes]:
        """Yield requests to log sessions that were never requested. Consecutive ones name different mentors.

        One mentor's sessions follow each other week by week, the last week first.
        """
        for number in range(count):
            mentor, session = number % self.mentors, number // self.mentors
            start = self._start(session)
            yield consultation_pb2.LogConsultationRequest(
                mentor=self._mentor(mentor),
                startups=[self.city.startup_name(number % self.city.startups)],
                record=consultation_pb2.ConsultationRecord(
                    start_time=_timestamp(start),
                    end_time=_timestamp(start + timedelta(minutes=30)),
                    kind=consultation_pb2.Consultation.KIND_COACHING,
                    format=profession_pb2.FORMAT_ON_SITE,
                    topic="定价与市场进入",
                    place="江城孵化器 201 室",
                    problem=PROBLEM,
                    advice=ADVICE,
                    result=RESULT,
                ),
                request_id=f"{self.cell}-{number}",
            ).SerializeToString()

    def _start(self, session: int) -> datetime:
        weeks, at = divmod(session, SESSIONS_A_DAY * WORK_DAYS)
        monday = self.city.today - timedelta(days=self.city.today.weekday(), weeks=1 + weeks)
        day = monday + timedelta(days=at // SESSIONS_A_DAY)
        return datetime.combine(day, time(9), ZONE) + timedelta(minutes=30 * (at % SESSIONS_A_DAY))

    def count(self, database: Database) -> tuple[int, int]:
        """Return how many sessions are on record, and how many times of the mentors' calendars they occupy."""
        logged = database["consultations"].count_documents({"mentor": self._named(), "state": State.LOGGED})
        entries = {"$group": {"_id": None, "sum": {"$sum": {"$size": "$entries"}}}}
        found = list(database["calendars"].aggregate([{"$match": {"resource": self._named()}}, entries]))
        return logged, int(found[0]["sum"]) if found else 0

    def remove(self, database: Database) -> None:
        """Remove the mentors and everything that was logged, so that every round finds the same city."""
        database["mentors"].delete_many({"_id": self._named()})
        database["consultations"].delete_many({"mentor": self._named()})
        database["calendars"].delete_many({"resource": self._named()})

    def _mentor(self, number: int) -> str:
        return f"mentors/{self.cell}x{number:05d}"

    def _named(self) -> dict[str, str]:
        return {"$gte": f"mentors/{self.cell}x", "$lt": f"mentors/{self.cell}y"}


def _timestamp(instant: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(instant)
    return made

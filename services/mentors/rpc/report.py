"""ReportService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import report_pb2 as pb
from libs.api.hatchery.mentors.v1.report_pb2_grpc import ReportServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.mentors.domain import certificate, coverage, rating, report
from services.mentors.service.report import Reports


class ReportRpc(ReportServiceServicer):
    """Handlers of ReportService. The proto and the service document each method."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def GetServiceHours(self, request: pb.GetServiceHoursRequest, context: Any) -> pb.ServiceHours:
        query = decode(request, report.GetServiceHours)
        found = await self._reports.hours(query, call_context())
        return encode(found, pb.ServiceHours)

    async def GetCoverage(self, request: pb.GetCoverageRequest, context: Any) -> pb.Coverage:
        query = decode(request, coverage.GetCoverage)
        found = await self._reports.coverage(query, call_context())
        return encode(found, pb.Coverage)

    async def ListRatings(self, request: pb.ListRatingsRequest, context: Any) -> pb.ListRatingsResponse:
        query = decode(request, rating.ListRatings)
        page = await self._reports.list_ratings(query, call_context())
        return encode_page(page, pb.ListRatingsResponse)

    async def GetRating(self, request: pb.GetRatingRequest, context: Any) -> pb.Rating:
        query = decode(request, rating.GetRating)
        found = await self._reports.get_rating(query, call_context())
        return encode(found, pb.Rating)

    async def GetCertificate(self, request: pb.GetCertificateRequest, context: Any) -> pb.Certificate:
        query = decode(request, certificate.GetCertificate)
        found = await self._reports.certificate(query, call_context())
        return encode(found, pb.Certificate)

    async def ExportServiceHours(self, request: pb.ExportServiceHoursRequest, context: Any) -> pb.ServiceHoursFile:
        query = decode(request, report.ExportServiceHours)
        file = await self._reports.export(query, call_context())
        return encode(file, pb.ServiceHoursFile)

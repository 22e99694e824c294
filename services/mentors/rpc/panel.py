"""PanelService."""

from typing import Any

from libs.api.hatchery.mentors.v1 import panel_pb2 as pb
from libs.api.hatchery.mentors.v1.panel_pb2_grpc import PanelServiceServicer
from libs.common.rpc.context import call_context
from libs.common.rpc.mapping import decode, encode, encode_page
from services.mentors.domain import panel, panel_commands
from services.mentors.service.panel import Panels


class PanelRpc(PanelServiceServicer):
    """Handlers of PanelService. The proto and the service document each method."""

    def __init__(self, panels: Panels) -> None:
        self._panels = panels

    async def DrawPanel(self, request: pb.DrawPanelRequest, context: Any) -> pb.Panel:
        command = decode(request, panel_commands.DrawPanel)
        drawn = await self._panels.draw(command, call_context())
        return encode(drawn, pb.Panel)

    async def GetPanel(self, request: pb.GetPanelRequest, context: Any) -> pb.Panel:
        query = decode(request, panel.GetPanel)
        found = await self._panels.get(query, call_context())
        return encode(found, pb.Panel)

    async def GetPanelDraw(self, request: pb.GetPanelDrawRequest, context: Any) -> pb.PanelDraw:
        query = decode(request, panel.GetPanelDraw)
        found = await self._panels.get_draw(query, call_context())
        return encode(found, pb.PanelDraw)

    async def ListPanels(self, request: pb.ListPanelsRequest, context: Any) -> pb.ListPanelsResponse:
        query = decode(request, panel.ListPanels)
        page = await self._panels.list(query, call_context())
        return encode_page(page, pb.ListPanelsResponse)

    async def DeclareConflict(self, request: pb.DeclareConflictRequest, context: Any) -> pb.ConflictDeclaration:
        command = decode(request, panel_commands.DeclareConflict)
        declared = await self._panels.declare_conflict(command, call_context())
        return encode(declared, pb.ConflictDeclaration)

    async def GetConflictDeclaration(
        self, request: pb.GetConflictDeclarationRequest, context: Any
    ) -> pb.ConflictDeclaration:
        query = decode(request, panel.GetConflictDeclaration)
        found = await self._panels.get_declaration(query, call_context())
        return encode(found, pb.ConflictDeclaration)

    async def ReplaceMember(self, request: pb.ReplaceMemberRequest, context: Any) -> pb.Panel:
        command = decode(request, panel_commands.ReplaceMember)
        changed = await self._panels.replace_member(command, call_context())
        return encode(changed, pb.Panel)

    async def ClosePanel(self, request: pb.ClosePanelRequest, context: Any) -> pb.Panel:
        command = decode(request, panel_commands.ClosePanel)
        closed = await self._panels.close(command, call_context())
        return encode(closed, pb.Panel)

    async def CancelPanel(self, request: pb.CancelPanelRequest, context: Any) -> pb.Panel:
        command = decode(request, panel_commands.CancelPanel)
        cancelled = await self._panels.cancel(command, call_context())
        return encode(cancelled, pb.Panel)

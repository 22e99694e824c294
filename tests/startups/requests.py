"""Request messages of startups."""

import itertools
from collections.abc import Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from libs.api.hatchery.startups.v1 import startup_pb2 as pb
from tests.startups.samples import LONGTAN, code
from tests.support.calls import Api

_numbers = itertools.count(1)


def new_code() -> str:
    """Return a credit code with check digits that fit, another one each time."""
    return code(next(_numbers))


def startup_spec(**fields: Any) -> pb.StartupSpec:
    """Describe a team; `fields` replace or add."""
    values = {"display_name": f"松江碳材{next(_numbers)}", "district": LONGTAN, "technology_field": "new-materials"}
    return pb.StartupSpec(**{**values, **fields})


def register_startup(*, request_id: str = "", **fields: Any) -> pb.RegisterStartupRequest:
    """Register a startup."""
    return pb.RegisterStartupRequest(startup=startup_spec(**fields), request_id=request_id)


def get_startup(name: str) -> pb.GetStartupRequest:
    """Read a startup."""
    return pb.GetStartupRequest(name=name)


def update_startup(
    name: str, paths: Sequence[str], *, etag: str = "", request_id: str = "", **fields: Any
) -> pb.UpdateStartupRequest:
    """Change the fields of a startup that the paths name; `fields` are all that the spec holds."""
    return pb.UpdateStartupRequest(
        name=name,
        startup=pb.StartupSpec(**fields),
        update_mask=FieldMask(paths=paths),
        etag=etag,
        request_id=request_id,
    )


def confirm_credit_code(
    name: str, credit_code: str, *, etag: str = "", request_id: str = ""
) -> pb.ConfirmCreditCodeRequest:
    """Record a credit code as it reads on the licence."""
    return pb.ConfirmCreditCodeRequest(name=name, credit_code=credit_code, etag=etag, request_id=request_id)


def correct_credit_code(
    name: str,
    credit_code: str = "",
    *,
    reason: pb.Startup.CreditCodeCorrection.ValueType = pb.Startup.CREDIT_CODE_CORRECTION_WRONG_STARTUP,
    etag: str = "",
    request_id: str = "",
) -> pb.CorrectCreditCodeRequest:
    """Replace a credit code, or remove it when none is given."""
    return pb.CorrectCreditCodeRequest(
        name=name, credit_code=credit_code, correction_reason=reason, etag=etag, request_id=request_id
    )


async def new_startup(startups: Api, **fields: Any) -> pb.Startup:
    """Register a startup and return it."""
    startup: pb.Startup = await startups.RegisterStartup(register_startup(**fields))
    return startup

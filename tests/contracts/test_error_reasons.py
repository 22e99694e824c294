"""The ErrorReason enums hold the reasons that the code gives, no more and no fewer."""

import pytest

from tests.contracts.contract import SERVICES
from tests.contracts.error_reasons import documented, documented_for, used, used_with_libraries, uses

GIVEN = [(folder, reason) for folder, by_reason in used().items() for reason in sorted(by_reason)]
OF_LIBRARIES = [
    (service, reason)
    for service in SERVICES
    for reason in sorted(used_with_libraries()[service].keys() & documented(service).keys())
]

#: Ways in which code gives a reason, each with the code that it leaves with.
WAYS = {
    'raise NotFound("R", "it is not there")': "NOT_FOUND",
    'raise errors.Taken("R", "another has it")': "ALREADY_EXISTS",
    'HALLS = EntitySchema(Hall, "halls", missing="R")': "NOT_FOUND",
    'HALLS = Index(("code",), unique_reason="R")': "ALREADY_EXISTS",
    'raise Invalid.field("name", "R", "no name")': "",
    'raise Invalid(Violation("name", "R", "no name"))': "",
    'raise validation_error("R", "no name")': "",
    'def f():\n    reason = "R" if True else ""\n    raise Invalid.field("name", reason, "no name")': "",
    'ErrorInfo(reason="R", domain="hatchery")': "INTERNAL",
}


@pytest.mark.parametrize(("folder", "reason"), GIVEN)
def test_every_reason_is_a_value_of_the_enum(folder: str, reason: str) -> None:
    """A reason in libs/common belongs to the common enum, one of a service to that service's or the common enum.

    Its comment names the code that it leaves with; the reason of a field names none.
    """
    codes = {use.code for use in used()[folder][reason]}
    assert codes == {documented_for(folder)[reason].code}


@pytest.mark.parametrize(("service", "reason"), OF_LIBRARIES)
def test_a_reason_leaves_with_one_code(service: str, reason: str) -> None:
    """A reason has the code that its comment names, also where a pure library gives it."""
    codes = {use.code for use in used_with_libraries()[service][reason]}
    assert codes == {documented(service)[reason].code}


@pytest.mark.parametrize("service", SERVICES)
def test_every_value_of_a_service_is_given_by_it(service: str) -> None:
    """A service's enum holds no reason that neither the service nor a library that it uses gives."""
    assert set(documented(service)) <= set(used_with_libraries()[service])


def test_every_common_value_is_given() -> None:
    """The common enum holds no reason that nothing gives."""
    assert set(documented("common")) <= {reason for by_reason in used_with_libraries().values() for reason in by_reason}


@pytest.mark.parametrize("service", SERVICES)
def test_a_reason_has_one_meaning(service: str) -> None:
    """No service redefines a reason of the common enum: reasons are unique within their domain."""
    assert not set(documented(service)) & set(documented("common"))


@pytest.mark.parametrize(("source", "code"), WAYS.items())
def test_a_new_reason_would_be_found(source: str, code: str) -> None:
    """However code gives a reason, it is found, so that the enums cannot fall behind."""
    assert {(use.reason, use.code) for use in uses(source)} == {("R", code)}

"""A profile's demo data: calls of the public API, with references between them and days relative to the seeding."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from libs.cli.contract import find_method, new_request, service_of
from libs.cli.dates import DAY, Today, calendar_error
from libs.cli.encoding import read_text
from libs.cli.errors import CliError
from libs.cli.messages import fill
from libs.common.domain.profile import ProfileError, read_profile

FIELDS = {"key", "method", "request"}
KEY = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)+")
#: `@key` is the name of what that call created; `@{key}/more` the name of something below it.
REFERENCE = re.compile(r"@(?:\{(?P<parent>[^{}]*)\}(?P<rest>/.+)|(?P<key>.*))")
MAX_REQUEST_ID = 64


@dataclass(frozen=True)
class DemoCall:
    """One entry of the demo data."""

    key: str
    method: MethodDescriptor
    values: Mapping[str, Any]
    source: str
    after: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it creates, for counts: the first part of the key."""
        return self.key.partition("/")[0]

    @property
    def service(self) -> str:
        """The service that it calls."""
        return service_of(self.method.full_name)

    @property
    def references(self) -> frozenset[str]:
        """The keys of the calls that come before it: those that its request refers to, and those in `after`."""
        found = (REFERENCE.fullmatch(text) for text in _strings(self.values))
        return frozenset(match["parent"] or match["key"] for match in found if match) | frozenset(self.after)

    def request(self, names: Mapping[str, str], today: Today) -> Message:
        """Return the request, with each reference replaced by the resource name that the other call's reply has.

        The request id derives from the key, so that the same call is recognized when it is sent again.
        """
        values = {**_resolved(self.values, names), "request_id": request_id(self.key)}
        try:
            return fill(new_request(self.method), values, today)
        except CliError as error:
            raise CliError(f"{self.source}, {self.key}: {error}") from None


def request_id(key: str) -> str:
    """Return the request id of an entry."""
    return f"demo.{key.replace('/', '.')}"


def read_demo(profile: Path) -> list[DemoCall]:
    """Read all demo files of a profile. CliError names the file and the entry that are wrong."""
    files = sorted((profile / "demo").glob("*.toml"))
    if not files:
        raise CliError(f"The profile {profile} has no demo data: there is no TOML file in {profile / 'demo'}.")
    calls: dict[str, DemoCall] = {}
    for file in files:
        for call in _calls(file):
            if call.key in calls:
                raise CliError(f"{call.source}, {call.key}: the key is already used in {calls[call.key].source}.")
            calls[call.key] = call
    _ensure_references(calls)
    today, names = Today(datetime.now(ZoneInfo("UTC")).date(), ZoneInfo("UTC")), dict.fromkeys(calls, "any/name")
    for call in calls.values():
        call.request(names, today)  # refuses what does not fit before anything is sent
    return list(calls.values())


def read_today(profile: Path) -> Today:
    """Return the present day in the city's time zone. CliError when the profile is not valid."""
    try:
        zone = ZoneInfo(read_profile(profile).city.time_zone)
    except ProfileError as error:
        raise CliError(f"The profile {profile} is not valid: {error}") from None
    return Today(datetime.now(zone).date(), zone)


def _calls(file: Path) -> Iterator[DemoCall]:
    source = f"{file.parent.name}/{file.name}"
    tables = _toml(file)
    if set(tables) - {"calls"}:
        raise CliError(f"{source}: only [[calls]] is allowed, not {', '.join(sorted(set(tables) - {'calls'}))}.")
    for number, entry in enumerate(tables.get("calls", []), 1):
        key = entry.get("key", "")
        if not isinstance(key, str) or not KEY.fullmatch(key) or len(request_id(key)) > MAX_REQUEST_ID:
            raise CliError(
                f"{source}, entry {number}: a key looks like spaces/a-name, of lower-case letters, digits and "
                f"hyphens, short enough for a request id of {MAX_REQUEST_ID} characters; {key!r} does not."
            )
        after = entry.pop("after", [])
        if set(entry) != FIELDS or not isinstance(entry["request"], dict) or not isinstance(after, list):
            raise CliError(f"{source}, {key}: an entry has key, method, perhaps after, and a table called request.")
        try:
            method = find_method(entry["method"])
        except CliError as error:
            raise CliError(f"{source}, {key}: {error}") from None
        if "request_id" not in method.input_type.fields_by_name:
            raise CliError(f"{source}, {key}: {method.full_name} has no request_id, so it cannot be repeated safely.")
        yield DemoCall(key, method, entry["request"], source, tuple(map(str, after)))


def _toml(file: Path) -> dict[str, Any]:
    text = read_text(file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        days = [wrong for match in DAY.finditer(text) if (wrong := calendar_error(match[0]))]
        explanation = "".join(f" {wrong}." for wrong in days)
        raise CliError(f"{file} is not valid TOML: {error}.{explanation}") from None


def _ensure_references(calls: Mapping[str, DemoCall]) -> None:
    for call in calls.values():
        if unknown := sorted(call.references - calls.keys()):
            raise CliError(f"{call.source}, {call.key}: no entry has the key {unknown[0]!r}.")
    try:
        TopologicalSorter({key: call.references for key, call in calls.items()}).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        raise CliError(f"The demo data cannot be sent: {' needs '.join(reversed(cycle))}.") from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _resolved(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        match = REFERENCE.fullmatch(value)
        return names[match["parent"] or match["key"]] + (match["rest"] or "") if match else value
    if isinstance(value, Mapping):
        return {field: _resolved(item, names) for field, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, names) for item in value]
    return value

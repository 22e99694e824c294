"""Demo data in running services: it is added once, whatever day and in whatever order it is sent."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from libs.cli.demo import DemoCall, read_demo, read_today
from libs.cli.demo_record import DemoRecord
from libs.cli.errors import CliError
from libs.cli.seed import SUBJECT, seed_demo
from libs.cli.seeding import Seeder
from libs.cli.stop import Stop, StopRequested
from libs.cli.tokens import mint
from tests.cli.conftest import PROFILE, LocalHatchery

pytestmark = pytest.mark.servers

MORE = """
[[calls]]
key = "spaces/{name}"
method = "hatchery.spaces.v1.SpaceService.CreateSpace"
[calls.request.space]
display_name = "{name}"
kind = "INCUBATOR"
district = "{district}"
operator = "Testers"
desks = 10

[[calls]]
key = "tenancies/{name}"
method = "hatchery.spaces.v1.TenancyService.RegisterTenant"
[calls.request]
space = "@spaces/{name}"
startup = "@startups/lake-tours"
desks = 1
start_date = "today+400"
end_date = "today+410"
"""


@pytest.fixture(name="profile")
def copy_profile(tmp_path: Path) -> Path:
    """The profile, to be changed."""
    return Path(shutil.copytree(PROFILE, tmp_path / "city"))


@contextmanager
def seeder(
    hatchery: LocalHatchery, record: Path, *services: str, days: int = 0, stop: Stop | None = None
) -> Iterator[Seeder]:
    """Yield what seeds some of the services, so many days after today."""
    today = read_today(PROFILE)
    later = replace(today, day=today.day + timedelta(days=days))
    run = hatchery.home.running()
    token = mint(hatchery.home, "admin", (), subject=SUBJECT)
    with ExitStack() as stack:
        channels = {
            name: (run.services[name], stack.enter_context(grpc.insecure_channel(run.services[name])))
            for name in services or run.services
        }
        yield Seeder(channels, token, DemoRecord(record, later), stop or Stop())


def relative(calls: list[DemoCall]) -> set[str]:
    """Return the keys of the calls whose request depends on the day of the seeding, or refers to such a call."""
    found = {call.key for call in calls if "today" in str(call.values)}
    while more := {call.key for call in calls if call.references & found} - found:
        found |= more
    return found


def added_in(reported: str) -> Iterator[tuple[str, int]]:
    """Yield the kinds of which several entries were added, with their counts."""
    for part in reported.split(", "):
        count, kind = part.split(" ")
        if count != "1":
            yield kind, int(count)


def test_up_adds_everything_and_seed_changes_nothing(hatchery: LocalHatchery) -> None:
    """`hatchery up` adds every entry of the profile. A repeat gets the first replies."""
    calls = read_demo(PROFILE)
    counts = Counter(call.kind for call in calls)
    (reported,) = re.findall(r"Demo data added: (.+)\.$", hatchery.output, re.MULTILINE)
    assert dict(added_in(reported)) == {kind: count for kind, count in counts.items() if count > 1}
    before = hatchery.call("TenancyService", "ListTenancies", "parent=spaces/-", "page_size=200")["tenancies"]
    assert len(before) >= counts["tenancies"]
    repeated = hatchery("seed").stderr
    assert f"The demo data is already there ({len(calls)} entries); nothing was changed." in repeated
    assert hatchery.call("TenancyService", "ListTenancies", "parent=spaces/-", "page_size=200")["tenancies"] == before


def test_another_day_and_another_order_change_nothing(hatchery: LocalHatchery) -> None:
    """Every entry counts from the day of its first sending, and is sent after those that it refers to."""
    calls = read_demo(PROFILE)
    with seeder(hatchery, hatchery.home.demo_file, days=3) as later:
        report = later.run(calls[::-1])
    assert (report.added.total(), report.existing) == (0, len(calls))
    assert (report.changed, report.failed) == ([], [])


def test_without_the_record_other_days_are_reported(hatchery: LocalHatchery, tmp_path: Path) -> None:
    """When the day of the first seeding is lost, entries that depend on it, and what needs them, stay as they are."""
    calls = read_demo(PROFILE)
    with seeder(hatchery, tmp_path / "lost.json", days=3) as later:
        report = later.run(calls)
    assert set(report.changed) == relative(calls)
    assert report.failed == []


def test_a_changed_entry_is_left_as_it_is(hatchery: LocalHatchery, profile: Path) -> None:
    """Only the entry that differs is reported; those that refer to it are the same as before."""
    file = profile / "demo" / "10-spaces.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("desks = 600", "desks = 6000"), encoding="utf-8")
    report = seed_demo(hatchery.home, Stop(), profile)
    assert (report.changed, report.failed) == (["spaces/science-innovation-city"], [])
    reported = hatchery("seed", str(profile)).stderr
    assert "Left unchanged, although the profile now has other values for them: spaces/science-inn" in reported


def test_new_entries_are_added_to_the_old_ones(hatchery: LocalHatchery, profile: Path) -> None:
    """A new file needs no code: its entries are sent, and may refer to those that are already there."""
    text = MORE.format(name="more", district="districts/220202")
    (profile / "demo" / "40-more.toml").write_text(text, encoding="utf-8")
    existing = len(read_demo(PROFILE))
    reported = hatchery("seed", str(profile)).stderr
    assert f"Demo data added: 1 space, 1 tenancy. {existing} entries were already there." in reported
    assert json.loads(hatchery.home.demo_file.read_text(encoding="utf-8"))["tenancies/more"]["name"]


def test_a_refusal_is_reported_with_its_reason(hatchery: LocalHatchery, profile: Path) -> None:
    """Whatever else can be added is added; what needs the refused entry is skipped; the exit code is 1."""
    text = MORE.format(name="wrong", district="districts/999999")
    (profile / "demo" / "40-more.toml").write_text(text, encoding="utf-8")
    reported = hatchery.refused("seed", str(profile))
    assert "spaces/wrong was refused: INVALID_ARGUMENT" in reported
    assert "space.district: " in reported
    assert "tenancies/wrong was skipped, because it needs spaces/wrong." in reported
    assert "spaces/wrong" not in json.loads(hatchery.home.demo_file.read_text(encoding="utf-8"))


def test_entries_of_a_service_that_is_not_running_are_skipped(hatchery: LocalHatchery, tmp_path: Path) -> None:
    """They are counted by service, and what needs them is skipped too."""
    calls = [call for call in read_demo(PROFILE) if call.kind != "spaces"]
    with seeder(hatchery, tmp_path / "record.json", "spaces") as partial:
        report = partial.run([call for call in calls if not call.values.get("space")])
    skipped = Counter(call.service for call in calls if call.service != "spaces")
    assert report.skipped == skipped
    for service, count in skipped.items():
        assert f"{service} is not running, so its {count} entries were skipped." in list(report.sentences())
    assert DemoRecord(tmp_path / "record.json", read_today(PROFILE)).names == {}


def test_a_service_that_does_not_answer_is_named(hatchery: LocalHatchery, tmp_path: Path) -> None:
    """Calls are repeated for a while; then the address is named."""
    record, token = DemoRecord(tmp_path / "record.json", read_today(PROFILE)), mint(hatchery.home, "admin", ())
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        nobody = Seeder({"startups": ("127.0.0.1:1", channel)}, token, record, Stop(), retry_seconds=0.5)
        with pytest.raises(CliError, match=r"Nothing answers at 127\.0\.0\.1:1"):
            nobody.run([call for call in read_demo(PROFILE) if call.kind == "startups"])


def test_a_seeding_can_be_stopped_and_goes_on_later(hatchery: LocalHatchery, tmp_path: Path) -> None:
    """A stop in the middle cancels what is in flight. The next seeding gets the same replies and finishes."""
    calls = read_demo(PROFILE)
    file = Path(shutil.copy(hatchery.home.demo_file, tmp_path / "record.json"))
    stop = Stop()
    stop.requested = True
    with seeder(hatchery, file, stop=stop) as stopped, pytest.raises(StopRequested):
        stopped.run(calls)
    with seeder(hatchery, file) as later:
        report = later.run(calls)
    assert (report.existing, report.changed, report.failed) == (len(calls), [], [])

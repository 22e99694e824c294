"""What the commands say about a Hatchery that runs: call, token, status, parked and seed."""

import json
import shutil
import tomllib
from datetime import timedelta
from pathlib import Path

import grpc
import jwt
import nats
import pytest

from libs.api.hatchery.spaces.v1.spaces_pb2_grpc import SpaceServiceStub
from libs.api.hatchery.startups.v1.startups_pb2_grpc import StartupServiceStub
from libs.cli.home import Home, Run
from libs.cli.issuer import Issuer
from libs.cli.seed import read_demo
from libs.cli.seeding import Seeding
from tests.cli.conftest import Laptop, complete
from tests.conftest import eventually
from tests.running import ROOT

pytestmark = pytest.mark.servers

PROFILE = ROOT / "profiles" / "jilin"
SPACE = (
    "space.display_name=Test bench",
    "space.kind=incubator",
    "space.district=districts/220202",
    "space.operator=Testers",
)


def demo() -> dict[str, list[dict[str, object]]]:
    """What the profile seeds."""
    return tomllib.loads((PROFILE / "demo.toml").read_text(encoding="utf-8"))


def test_call_makes_messages_of_what_people_type(laptop: Laptop) -> None:
    """Fields by name, enum values without their prefix, days as 2026-03-31; JSON out, with the proto's names."""
    space = laptop.call("spaces", "CreateSpace", *SPACE, "space.desks=12", "space.area_m2=300")
    assert (space["kind"], space["desks"], space["area_free_m2"]) == ("KIND_INCUBATOR", 12, 300)
    startup = laptop.call(
        "startups",
        "register_startup",
        '{"startup": {"display_name": "A team", "district": "districts/220202"}}',
        "startup.technology_field=new-materials",
        "startup.founded_date=2024-02-29",
    )
    assert startup["founded_date"] == {"year": 2024, "month": 2, "day": 29}
    ask = (f"space={space['name']}", f"startup={startup['name']}", "desks=2", "start_date=2030-01-31")
    tenancy = laptop.call("hatchery.spaces.v1.SpaceService", "RegisterTenant", *ask)
    assert tenancy["state"] == "STATE_SIGNED"
    mask = laptop.call("spaces", "UpdateSpace", f"name={space['name']}", "space.area_m2=400", "update_mask=area_m2")
    assert (mask["area_m2"], mask["desks"]) == (400, 12)
    listed = laptop.call("spaces", "ListTenancies", "parent=spaces/-", "states=signed", f"startup={startup['name']}")
    assert [it["name"] for it in listed["tenancies"]] == [tenancy["name"]]


def test_call_reads_a_request_from_standard_input(laptop: Laptop) -> None:
    """`-` stands for JSON from standard input, and fields by name add to it."""
    done = laptop("call", "spaces", "ListSpaces", "-", "kind=incubator", said='{"page_size": 1}')
    assert [it["kind"] for it in json.loads(done.stdout)["spaces"]] == ["KIND_INCUBATOR"]


def test_call_lists_what_can_be_called(laptop: Laptop) -> None:
    """Without a method every one of them is shown with the fields that it takes."""
    listing = laptop("call", "spaces").stdout
    assert "hatchery.spaces.v1.SpaceService" in listing
    assert "  RegisterTenant(space, startup, desks, area_m2, start_date, end_date, request_id)" in listing
    assert "  GetStatus()" in listing


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("spacs", "ListSpaces"), "No service called 'spacs' runs here. Did you mean spaces?"),
        (("spaces", "ListSpace"), "No method is called 'ListSpace'"),
        (("spaces", "ListSpace"), "Did you mean ListSpaces"),
        (("spaces", "ListSpaces", "pagesize=3"), "ListSpacesRequest has no field 'pagesize'. Did you mean page_size?"),
        (("spaces", "CreateSpace", "space.kind=incubater"), "Did you mean KIND_INCUBATOR?"),
        (("spaces", "CreateSpace", "space.desk=1"), "SpaceSpec has no field 'desk' in space. Did you mean desks?"),
        (("spaces", "CreateSpace", "space=1"), "space is a SpaceSpec: give it as JSON, or its fields as space.<field>"),
        (("spaces", "ListSpaces", "page_size=many"), "ListSpacesRequest cannot be made of these values"),
        (("spaces", "ListSpaces", "{"), "The request is not JSON"),
        (("spaces", "ListSpaces", "[]"), "'[]' is neither JSON nor field=value."),
        (
            ("spaces", "RegisterTenant", "start_date=tomorrow"),
            "start_date is a day like 2026-03-31; 'tomorrow' is none.",
        ),
        (("OperationsService", "GetStatus"), "OperationsService is answered by spaces and startups: say which"),
        (("spaces", "ListSpaces", "--address", "127.0.0.1:1"), "Nothing answers at 127.0.0.1:1"),
    ],
)
def test_call_says_what_was_wrong_with_it(laptop: Laptop, words: tuple[str, ...], answer: str) -> None:
    """What does not exist is named together with what was perhaps meant; exit code 1, no traceback."""
    assert answer in laptop.refused("call", *words)


def test_a_refusal_is_told_with_its_reason_and_details(laptop: Laptop) -> None:
    """Code, message, reason and metadata, and each field that is wrong."""
    missing = laptop.refused("call", "spaces", "GetSpace", "name=spaces/none")
    assert missing.startswith("NOT_FOUND: ")
    assert "reason: SPACE_NOT_FOUND name: spaces/none" in missing
    wrong = laptop.refused("call", "spaces", "CreateSpace", *SPACE, "space.desks=-1", "space.area_m2=-1")
    assert "INVALID_ARGUMENT" in wrong
    assert "space.desks: " in wrong
    assert "space.area_m2: " in wrong


def test_call_takes_a_role_or_a_token(laptop: Laptop) -> None:
    """A call is made as an admin of the laptop, in another role, or with a token that was given."""
    assert "reason: PERMISSION_DENIED" in laptop.refused(
        "call", "spaces", "CreateSpace", *SPACE, "--role", "mentor", "--mentor", "m"
    )
    token = laptop("token", "--role", "founder", "--startup", "nobody").stdout.strip()
    assert "reason: PERMISSION_DENIED" in laptop.refused("call", "spaces", "CreateSpace", *SPACE, "--token", token)
    assert "UNAUTHENTICATED" in laptop.refused("call", "spaces", "ListSpaces", "--token", "none")
    assert laptop.call("spaces", "ListSpaces", "page_size=1", "--token", token)["spaces"]


def test_a_token_says_who_where_and_how_long(laptop: Laptop) -> None:
    """Role, scopes by their full names, subject and lifetime stand in the token, which the issuer signed."""
    words = ("--role", "operator", "--space", "spaces/a", "--space", "b", "--subject", "people/li", "--hours", "2")
    token = laptop("token", *words).stdout.strip()
    key = jwt.PyJWK(json.loads(Path(laptop.home.running().jwks).read_text(encoding="utf-8"))["keys"][0])
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="hatchery", issuer="hatchery-laptop")
    assert (claims["role"], claims["scopes"], claims["sub"]) == ("operator", ["spaces/a", "spaces/b"], "people/li")
    assert claims["exp"] - claims["iat"] == 7200
    everywhere = laptop("token", "--role", "official").stdout.strip()
    assert jwt.decode(everywhere, options={"verify_signature": False})["scopes"] == ["*"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--role", "operator"), "An operator belongs somewhere: say where with --space spaces/…"),
        (("--role", "mentor"), "A mentor belongs somewhere: say where with --mentor mentors/…"),
        (("--role", "founder"), "A founder belongs somewhere: say where with --startup startups/…"),
        (("--role", "operator", "--space", "startups/a"), "'startups/a' is not the name of a resource like spaces/…"),
        (("--role", "admin", "--hours", "0"), "--hours is between 0 and"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(laptop: Laptop, words: tuple[str, ...], answer: str) -> None:
    """Roles that belong somewhere must be told where, by names of the right kind."""
    assert answer in laptop.refused("token", *words)


def test_without_an_issuer_there_is_no_token(tmp_path: Path) -> None:
    """Tokens are minted only where `hatchery up` has made an issuer."""
    elsewhere = Laptop(tmp_path)
    assert "There is no issuer of tokens" in elsewhere.refused("token", "--role", "admin")
    assert "Nothing runs with the home" in elsewhere.refused("status")


def test_status_shows_every_service(laptop: Laptop) -> None:
    """Health, relay, untold and parked facts and the inboxes' lag of each service, for people and for programs."""
    rows = {row["service"]: row for row in json.loads(laptop("status", "--json").stdout)}
    assert set(rows) == {"spaces", "startups"}
    assert {row["health"] for row in rows.values()} == {"SERVING"}
    assert rows["spaces"]["relay"] is True
    assert set(rows["spaces"]["inboxes"]["startups"]) == {"waiting", "in_hand"}
    table = laptop("status").stdout
    assert rows["startups"]["address"] in table
    assert "SERVING" in table


def test_status_fails_when_a_service_does_not_serve(tmp_path: Path) -> None:
    """A service that does not answer is shown as such, and the exit code is 1."""
    home = Home(tmp_path)
    Issuer.open(home.issuer_folder)
    home.tell(Run(1, "", "", "", "", str(PROFILE), "", services={"spaces": "127.0.0.1:1"}))
    done = Laptop(tmp_path)("status", "--home", str(tmp_path), code=1)
    assert "UNREACHABLE" in done.stdout
    assert "Nothing answers at 127.0.0.1:1" in done.stderr


def test_the_demo_is_in_and_a_second_seed_changes_nothing(laptop: Laptop) -> None:
    """Everything in the profile's demo is made once, however often it is seeded."""
    asked = demo()
    counts = ", ".join(f"{len(asked[kind])} {kind}" for kind in ("spaces", "startups", "tenancies"))
    assert f"The demo data is in: {counts}." in laptop.said
    before = laptop.call("spaces", "ListTenancies", "parent=spaces/-", "page_size=200")["tenancies"]
    entries = sum(map(len, asked.values()))
    assert f"The demo data is there already ({entries} entries); nothing was changed." in laptop("seed").stderr
    assert laptop.call("spaces", "ListTenancies", "parent=spaces/-", "page_size=200")["tenancies"] == before


def test_a_seed_on_another_day_changes_nothing(laptop: Laptop) -> None:
    """The demo's days count from the day of the first seeding."""
    run = laptop.home.running()
    entries, today = read_demo(PROFILE)
    token = Issuer.open(laptop.home.issuer_folder).token("people/demo", "admin", ["*"], timedelta(hours=1))
    with (
        grpc.insecure_channel(run.services["spaces"]) as spaces,
        grpc.insecure_channel(run.services["startups"]) as startups,
    ):
        seeding = Seeding(SpaceServiceStub(spaces), StartupServiceStub(startups), token)
        seeded = seeding.run(entries, today + timedelta(days=3))
    assert (seeded.made, seeded.changed, seeded.refused) == ({}, [], [])


def test_what_changed_in_the_profile_is_left_as_it_is(laptop: Laptop, tmp_path: Path) -> None:
    """A demo entry that was seeded with other values is named, not made twice; its tenancies stay too."""
    changed = shutil.copytree(PROFILE, tmp_path / "changed")
    text = (changed / "demo.toml").read_text(encoding="utf-8")
    key, desks = demo()["spaces"][0]["key"], demo()["spaces"][0]["desks"]
    (changed / "demo.toml").write_text(text.replace(f"desks = {desks}", f"desks = {desks}0", 1), encoding="utf-8")
    assert (
        f"Left as they are, though the profile has changed since: spaces/{key}" in laptop("seed", str(changed)).stderr
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[[spaces", "cannot be used"),
        ('[[tenancies]]\nkey = "t"\nspace = "s"\nstartup = "u"\n', "names spaces/s and startups/u, and not both are"),
        ('[[spaces]]\nkey = "s"\nrooms = 3\n', "SpaceSpec has no field 'rooms' in space."),
    ],
)
def test_a_demo_that_makes_no_sense_is_refused(laptop: Laptop, tmp_path: Path, text: str, answer: str) -> None:
    """What is wrong with a profile's demo is said by its name."""
    bad = shutil.copytree(PROFILE, tmp_path / "bad")
    (bad / "demo.toml").write_text(text, encoding="utf-8")
    assert answer in laptop.refused("seed", str(bad))


async def test_parked_facts_can_be_seen_and_replayed(laptop: Laptop) -> None:
    """A fact that cannot be handled is listed and shown with its cause, and stays parked while the cause stands."""
    assert "No fact is parked in spaces or startups." in laptop("parked", "list").stderr
    seed = laptop.home.folder / "nats" / "keys" / "admin.nk"
    told = await nats.connect(f"nats://{laptop.home.running().nats}", nkeys_seed=str(seed))
    try:
        headers = {"ce-id": "poison", "ce-type": "hatchery.startups.v1.StartupRegistered", "ce-subject": "startups/x"}
        ack = await told.jetstream().publish("hatchery.startups.v1.StartupRegistered", b"\xff", headers=headers)
    finally:
        await told.close()

    poison = f"startups-{ack.seq}"

    async def parked() -> bool:
        return f"parkedFacts/{poison}" in laptop("parked", "list", "spaces").stdout

    await eventually(parked)
    listed = laptop("parked", "list").stdout
    assert "hatchery.startups.v1.StartupRegistered of startups/x, tried 1 times" in listed
    assert json.loads(laptop("parked", "show", "spaces", poison).stdout)["name"] == f"parkedFacts/{poison}"
    assert "STILL_PARKED" in laptop.refused("parked", "replay", "spaces", f"parkedFacts/{poison}")
    assert f"parkedFacts/{poison}" in laptop.refused("parked", "replay", "spaces")
    assert "No fact is parked in startups." in laptop("parked", "replay", "startups").stderr
    assert "PARKED_FACT_NOT_FOUND" in laptop.refused("parked", "show", "spaces", "other")


def test_a_command_that_does_not_exist_is_named(laptop: Laptop) -> None:
    """A slip of the fingers is answered with what was perhaps meant."""
    assert "Did you mean 'status'?" in " ".join(laptop("stats", code=2).stderr.split())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("call sp", ["spaces"]),
        ("call spaces List", ["ListSpaces", "ListTenancies", "ListParkedFacts"]),
        ("call startups GetSt", ["GetStartup", "GetStatus"]),
        ("parked replay st", ["startups"]),
    ],
)
def test_a_shell_completes_services_and_methods(typed: str, offered: list[str]) -> None:
    """What can be called is offered without asking anybody who runs."""
    assert complete(typed) == offered

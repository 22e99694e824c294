"""The commands for a running Hatchery: call, token, status and parked."""

import codecs
import json
import os
import pty
import subprocess
from pathlib import Path

import jwt
import nats
import pytest

from libs.cli.home import Home, Run
from libs.cli.issuer import Issuer
from libs.cli.local_stack import ROOT
from libs.common.rpc.identity import ROLE_NAMES
from tests.cli.conftest import COMMAND, PROFILE, LocalHatchery, complete, wait_for

pytestmark = pytest.mark.servers

SPACE = (
    "space.display_name=Test bench",
    "space.kind=incubator",
    "space.district=districts/220202",
    "space.operator=Testers",
)


def test_call_makes_messages_of_what_people_type(hatchery: LocalHatchery) -> None:
    """Fields by name, enum values without their prefix, days as 2026-03-31; JSON out, with the proto's names."""
    space = hatchery.call("spaces", "CreateSpace", *SPACE, "space.desks=12", "space.area_m2=300.5")
    assert (space["kind"], space["desks"], space["area_free_m2"]) == ("KIND_INCUBATOR", 12, 300.5)
    startup = hatchery.call(
        "startups",
        "register_startup",
        '{"startup": {"display_name": "A team", "district": "districts/220202"}}',
        "startup.technology_field=new-materials",
        "startup.founded_date=2024-02-29",
    )
    assert startup["founded_date"] == {"year": 2024, "month": 2, "day": 29}
    words = (f"space={space['name']}", f"startup={startup['name']}", "desks=2", "start_date=2030-01-31")
    tenancy = hatchery.call("hatchery.spaces.v1.TenancyService", "RegisterTenant", *words)
    assert tenancy["state"] == "STATE_SIGNED"
    mask = hatchery.call("spaces", "UpdateSpace", f"name={space['name']}", "space.area_m2=400", "update_mask=area_m2")
    assert (mask["area_m2"], mask["desks"]) == (400, 12)
    listed = hatchery.call("spaces", "ListTenancies", "parent=spaces/-", "states=signed", f"startup={startup['name']}")
    assert [it["name"] for it in listed["tenancies"]] == [tenancy["name"]]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"page_size": 1}',
        codecs.BOM_UTF8 + b'{"page_size": 1}',
        codecs.BOM_UTF16_LE + '{"page_size": 1}'.encode("utf-16-le"),
    ],
)
def test_call_reads_a_request_from_standard_input(hatchery: LocalHatchery, raw: bytes) -> None:
    """`-` means JSON from standard input, with or without a byte order mark, and fields by name add to it."""
    done = hatchery("call", "spaces", "ListSpaces", "-", "kind=incubator", stdin=raw)
    assert [it["kind"] for it in json.loads(done.stdout)["spaces"]] == ["KIND_INCUBATOR"]


def test_call_names_a_wrong_encoding(hatchery: LocalHatchery) -> None:
    """Standard input in GBK is refused with the command that converts it."""
    raw = '{"space": {"display_name": "吉林"}}'.encode("gbk")
    refusal = hatchery.refused("call", "spaces", "CreateSpace", "-", stdin=raw)
    assert refusal.startswith("the input is not UTF-8: byte 0xBC at position 28; it may be GBK: convert it with")


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "latin-1", "utf-8"])
def test_replies_are_printed_on_any_terminal(hatchery: LocalHatchery, encoding: str) -> None:
    """Chinese and Greek names never make the output fail; what the encoding lacks is printed as `?`."""
    env = hatchery.env | {"PYTHONIOENCODING": encoding}
    command = [*COMMAND, "call", "startups", "ListStartups", "page_size=200"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, check=True)
    names = [startup["display_name"] for startup in json.loads(done.stdout.decode(encoding))["startups"]]
    expected = "μLED 微显示团队（演示）".encode(encoding, "replace").decode(encoding)
    assert expected in names
    terminal, side = pty.openpty()
    with subprocess.Popen([*COMMAND, "status"], env=env, cwd=ROOT, stdout=side, stderr=side) as process:
        process.wait(30)
    os.close(side)
    assert b"SERVING" in os.read(terminal, 65_536)
    os.close(terminal)
    assert process.returncode == 0


def test_call_lists_what_can_be_called(hatchery: LocalHatchery) -> None:
    """Without a method all methods are printed, with the fields that they take."""
    listing = hatchery("call", "spaces").stdout
    assert "hatchery.spaces.v1.TenancyService" in listing
    assert "  RegisterTenant(space, startup, desks, area_m2, start_date, end_date, request_id)" in listing
    assert "  GetStatus()" in listing


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("spacs", "ListSpaces"), "No service called 'spacs' is running. Did you mean spaces?"),
        (("spaces", "ListSpace"), "There is no method 'ListSpace'"),
        (("spaces", "ListSpace"), "Did you mean ListSpaces"),
        (("spaces", "ListSpaces", "pagesize=3"), "ListSpacesRequest has no field 'pagesize'. Did you mean page_size?"),
        (("spaces", "CreateSpace", "space.kind=incubater"), "Did you mean KIND_INCUBATOR?"),
        (("spaces", "CreateSpace", "space.desk=1"), "SpaceSpec has no field 'desk' in space. Did you mean desks?"),
        (("spaces", "CreateSpace", "space=1"), "space is a SpaceSpec: give it as JSON, or its fields as space.<field>"),
        (("spaces", "ListSpaces", "page_size=many"), "ListSpacesRequest does not accept these values"),
        (("spaces", "ListSpaces", "{"), "The request is not JSON"),
        (("spaces", "ListSpaces", "[]"), "'[]' is neither JSON nor field=value."),
        (
            ("spaces", "RegisterTenant", "start_date=tomorrow"),
            "start_date must be a day such as 2026-03-31, not 'tomorrow'",
        ),
        (("spaces", "RegisterTenant", "start_date=2027-02-29"), "2027-02-29 is not a day of the calendar: February"),
        (
            ("OperationsService", "GetStatus"),
            "OperationsService exists in spaces, mentors and startups: name one of them",
        ),
        (("spaces", "ListSpaces", "--address", "127.0.0.1:1"), "Nothing answers at 127.0.0.1:1"),
        (("spaces", "ListSpaces", "--role", "operater"), "There is no role 'operater'. Did you mean operator"),
    ],
)
def test_call_says_what_was_wrong_with_it(hatchery: LocalHatchery, words: tuple[str, ...], answer: str) -> None:
    """What does not exist is named together with a suggestion; exit code 1, no traceback."""
    assert answer in hatchery.refused("call", *words)


def test_a_refusal_has_its_reason_and_details(hatchery: LocalHatchery) -> None:
    """Code, message, reason and metadata are printed, and each field that is not valid."""
    missing = hatchery.refused("call", "spaces", "GetSpace", "name=spaces/none")
    assert missing.startswith("NOT_FOUND: ")
    assert "reason: SPACE_NOT_FOUND name: spaces/none" in missing
    invalid = hatchery.refused("call", "spaces", "CreateSpace", *SPACE, "space.desks=-1", "space.area_m2=-1")
    assert "INVALID_ARGUMENT" in invalid
    assert "space.desks: " in invalid
    assert "space.area_m2: " in invalid


def test_call_takes_a_role_and_scopes_or_a_token(hatchery: LocalHatchery) -> None:
    """A call is made as an admin, in another role with its scopes, or with a given token."""
    mentor = ("--role", "mentor", "--scope", "mentors/m")
    assert "reason: PERMISSION_DENIED" in hatchery.refused("call", "spaces", "CreateSpace", *SPACE, *mentor)
    token = hatchery("token", "--role", "founder", "--scope", "startups/nobody").stdout.strip()
    assert "reason: PERMISSION_DENIED" in hatchery.refused("call", "spaces", "CreateSpace", *SPACE, "--token", token)
    assert "UNAUTHENTICATED" in hatchery.refused("call", "spaces", "ListSpaces", "--token", "none")
    assert hatchery.call("spaces", "ListSpaces", "page_size=1", "--token", token)["spaces"]
    first, second = hatchery.call("spaces", "ListSpaces", "page_size=2")["spaces"]
    update = ("call", "spaces", "UpdateSpace", "space.address=Test Street 1", "update_mask=address")
    operator = ("--role", "operator", "--scope", first["name"])
    assert json.loads(hatchery(*update, f"name={first['name']}", *operator).stdout)["address"] == "Test Street 1"
    hatchery.refused(*update, f"name={second['name']}", *operator)


def test_the_claims_of_a_token(hatchery: LocalHatchery) -> None:
    """Role, scopes, subject and lifetime are in the token, which the issuer has signed."""
    words = ("--role", "operator", "--scope", "spaces/a", "--scope", "spaces/b/facilities/c")
    token = hatchery("token", *words, "--subject", "people/li", "--hours", "2").stdout.strip()
    key = jwt.PyJWK(json.loads(Path(hatchery.home.running().jwks).read_text(encoding="utf-8"))["keys"][0])
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="hatchery", issuer="hatchery-laptop")
    assert (claims["role"], claims["sub"]) == ("operator", "people/li")
    assert claims["scopes"] == ["spaces/a", "spaces/b/facilities/c"]
    assert claims["exp"] - claims["iat"] == 7200
    everywhere = hatchery("token", "--role", "official").stdout.strip()
    assert jwt.decode(everywhere, options={"verify_signature": False})["scopes"] == ["*"]


@pytest.mark.parametrize("role", sorted(ROLE_NAMES))
def test_every_role_can_have_a_token(hatchery: LocalHatchery, role: str) -> None:
    """Every role that services know can be used, and their verification accepts the token."""
    token = hatchery("token", "--role", role, "--scope", "*").stdout.strip()
    assert hatchery.call("spaces", "ListSpaces", "page_size=1", "--token", token)["spaces"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--role", "operator"), "The role operator needs a scope: add --scope spaces/…"),
        (("--role", "mentor"), "The role mentor needs a scope: add --scope mentors/…"),
        (("--role", "founder"), "The role founder needs a scope: add --scope startups/…"),
        (("--role", "judge"), "The role judge needs a scope: add --scope events/…"),
        (("--role", "operator", "--scope", "a"), "The scope 'a' is neither a resource name such as spaces/… nor *."),
        (("--role", "operator", "--scope", "spaces/"), "The scope 'spaces/' is neither"),
        (("--role", "operator", "--scope", "spaces/a b"), "The scope 'spaces/a b' is neither"),
        (("--role", "boss"), "There is no role 'boss'."),
        (("--role", "admin", "--hours", "0"), "--hours must be more than 0"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(hatchery: LocalHatchery, words: tuple[str, ...], answer: str) -> None:
    """Roles that work for somebody in particular need scopes, and scopes are resource names."""
    assert answer in hatchery.refused("token", *words)


def test_without_an_issuer_there_is_no_token(tmp_path: Path) -> None:
    """Tokens are signed only where `hatchery up` has created an issuer."""
    elsewhere = LocalHatchery(tmp_path)
    assert "There is no issuer of tokens" in elsewhere.refused("token", "--role", "admin")
    assert "Nothing is running with the home" in elsewhere.refused("status")


def test_status_shows_every_service(hatchery: LocalHatchery) -> None:
    """Health, relay, unpublished and parked facts and the lag of inboxes, for people and for programs."""
    rows = {row["service"]: row for row in json.loads(hatchery("status", "--json").stdout)}
    assert set(rows) == {"spaces", "mentors", "startups"}
    assert {row["health"] for row in rows.values()} == {"SERVING"}
    assert rows["spaces"]["relay"] is True
    assert set(rows["spaces"]["inboxes"]["startups"]) == {"pending", "in_flight"}
    table = hatchery("status").stdout
    assert rows["startups"]["address"] in table
    assert "spaces 0+0" in table
    assert set(rows["mentors"]["inboxes"]) == {"spaces", "startups"}


def test_status_fails_when_a_service_does_not_serve(tmp_path: Path) -> None:
    """A service that does not answer is shown as such, and the exit code is 1."""
    home = Home(tmp_path)
    Issuer.open(home.issuer_folder)
    home.write_run(Run(1, "", "", "", "", str(PROFILE), "", services={"spaces": "127.0.0.1:1"}))
    done = LocalHatchery(tmp_path)("status", "--home", str(tmp_path), code=1)
    assert "UNREACHABLE" in done.stdout
    assert "Nothing answers at 127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("text", ["{", '{"pid": 1}', "[]"])
def test_a_run_file_of_another_version_is_named(tmp_path: Path, text: str) -> None:
    """What is in the home is read by other versions too; the message says what to do."""
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    refusal = LocalHatchery(tmp_path).refused("status", "--home", str(tmp_path))
    assert "run.json was written by another version of hatchery." in refusal


async def test_parked_facts_can_be_shown_and_replayed(hatchery: LocalHatchery) -> None:
    """A fact that fails is listed and shown with its error, and stays parked while the cause lasts."""
    assert "No fact is parked in spaces, mentors or startups." in hatchery("parked", "list").stderr
    seed = hatchery.home.folder / "nats" / "keys" / "admin.nk"
    client = await nats.connect(f"nats://{hatchery.home.running().nats}", nkeys_seed=str(seed))
    try:
        headers = {"ce-id": "poison", "ce-type": "hatchery.startups.v1.StartupRegistered", "ce-subject": "startups/x"}
        ack = await client.jetstream().publish("hatchery.startups.v1.StartupRegistered", b"\xff", headers=headers)
    finally:
        await client.close()

    poison = f"startups-{ack.seq}"
    wait_for(lambda: f"parkedFacts/{poison}" in hatchery("parked", "list", "spaces").stdout)
    listed = hatchery("parked", "list").stdout
    assert "hatchery.startups.v1.StartupRegistered of startups/x, tries: 1" in listed
    assert json.loads(hatchery("parked", "show", "spaces", poison).stdout)["name"] == f"parkedFacts/{poison}"
    assert "STILL_PARKED" in hatchery.refused("parked", "replay", "spaces", f"parkedFacts/{poison}")
    assert f"parkedFacts/{poison}" in hatchery.refused("parked", "replay", "spaces")
    assert "No fact is parked in startups." in hatchery("parked", "replay", "startups").stderr
    assert "PARKED_FACT_NOT_FOUND" in hatchery.refused("parked", "show", "spaces", "other")


def test_a_command_that_does_not_exist_is_named(hatchery: LocalHatchery) -> None:
    """A mistyped command is answered with a suggestion."""
    assert "Did you mean 'status'?" in " ".join(hatchery("stats", code=2).stderr.split())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("call sp", ["spaces"]),
        ("call spaces List", ["ListSpaces", "ListTenancies", "ListParkedFacts"]),
        ("call startups GetSt", ["GetStartup", "GetStatus"]),
        ("parked replay st", ["startups"]),
        ("token --role o", ["official", "operator"]),
    ],
)
def test_a_shell_completes_services_methods_and_roles(typed: str, offered: list[str]) -> None:
    """Completion works without a running service."""
    assert complete(typed) == offered

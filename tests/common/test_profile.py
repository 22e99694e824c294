"""Jilin City's profile says what the policy and the statistics say, and its demo keeps the rules."""

import shutil
import tomllib
from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from libs.api.hatchery.spaces.v1 import spaces_pb2
from libs.api.hatchery.startups.v1 import startups_pb2
from libs.common.profile import BadProfile, read_profile

JILIN = Path(__file__).parents[2] / "profiles" / "jilin"
# The demo counts days from its seeding, but founding days are dates: what holds on this day holds later too.
FIRST_SEEDING = date(2026, 11, 24)
NO_DAY = "valid_from = 2020-01-02\nvalid_to = 2020-01-02"


@pytest.fixture(name="demo")
def read_demo() -> dict[str, Any]:
    return tomllib.loads((JILIN / "demo.toml").read_text(encoding="utf-8"))


@pytest.fixture(name="folder")
def copy_profile(tmp_path: Path) -> Path:
    return Path(shutil.copytree(JILIN, tmp_path / "jilin"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_city_is_jilin() -> None:
    """The city has its statistical code and the time zone by which its calendar rules are counted."""
    city = read_profile(JILIN)
    assert (city.name, city.code, city.time_zone) == ("jilin", "220200", "Asia/Shanghai")
    assert (city.display_name.zh, city.display_name.en) == ("吉林市", "Jilin City")


def test_nine_divisions_and_three_zones() -> None:
    """Nine administrative divisions and three functional zones have the codes of the statistics."""
    told = {name: (place.name.zh, place.kind) for name, place in read_profile(JILIN).districts.items()}
    assert told == {
        "districts/220202": ("昌邑区", "DISTRICT"),
        "districts/220203": ("龙潭区", "DISTRICT"),
        "districts/220204": ("船营区", "DISTRICT"),
        "districts/220211": ("丰满区", "DISTRICT"),
        "districts/220221": ("永吉县", "COUNTY"),
        "districts/220281": ("蛟河市", "COUNTY_LEVEL_CITY"),
        "districts/220282": ("桦甸市", "COUNTY_LEVEL_CITY"),
        "districts/220283": ("舒兰市", "COUNTY_LEVEL_CITY"),
        "districts/220284": ("磐石市", "COUNTY_LEVEL_CITY"),
        "districts/220271": ("吉林经济开发区", "ZONE"),
        "districts/220272": ("吉林高新技术产业开发区", "ZONE"),
        "districts/220273": ("吉林中国新加坡食品区", "ZONE"),
    }


@pytest.mark.parametrize(
    ("name", "is_district", "is_zone"),
    [
        ("districts/220202", True, False),
        ("districts/220271", False, True),
        ("districts/220200", False, False),
        ("220202", False, False),
        ("", False, False),
    ],
)
def test_a_zone_is_no_district(name: str, is_district: bool, is_zone: bool) -> None:
    """A zone overlaps districts and is never one of them; what the city does not name is neither."""
    city = read_profile(JILIN)
    assert (city.is_district(name), city.is_zone(name)) == (is_district, is_zone)


def test_twelve_technology_fields() -> None:
    """The technology fields are the twelve of the Torch statistics, each once, known by its own code."""
    fields = read_profile(JILIN).technology_fields
    assert [term.zh for term in fields.values()] == [
        "电子信息", "先进制造", "航空航天", "现代交通", "生物医药与医疗器械", "新材料",
        "新能源与节能", "环境保护", "地球空间与海洋", "核应用技术", "现代农业", "其他",
    ]  # fmt: skip
    assert all(term.code == code for code, term in fields.items())


def test_the_chains_that_clause_4_names() -> None:
    """The industry chains are the six that clause 4 names, since it does not spell "6411" out."""
    chains = read_profile(JILIN).industry_chains
    assert [term.zh for term in chains.values()] == ["旅游", "健康", "航空", "信息", "新材料", "先进装备制造"]


def test_every_kind_of_space_has_a_name() -> None:
    """Each kind that a Space may have is named in Chinese and English, and nothing else is."""
    kinds = {name.removeprefix("KIND_") for name in spaces_pb2.Space.Kind.keys()}  # noqa: SIM118 - an enum wrapper
    assert set(read_profile(JILIN).space_kinds) == kinds - {"UNSPECIFIED"}


def test_a_city_stays_as_it_was_read() -> None:
    """A profile is a value: what was read cannot be changed in passing."""
    city = read_profile(JILIN)
    with pytest.raises(ValidationError):
        city.code = "220000"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("file", "old", "new", "field"),
    [
        ("city.toml", 'code = "220200"', "code = 220200", "code"),
        ("city.toml", 'code = "220200"', 'code = "22020"', "code"),
        ("city.toml", "Asia/Shanghai", "Asia/Jilin", "time_zone"),
        ("city.toml", 'time_zone = "Asia/Shanghai"', "", "time_zone"),
        ("city.toml", 'name = "jilin"', 'name = "jilin"\nmayor = "none"', "mayor"),
        ("districts.toml", 'kind = "COUNTY"', 'kind = "VILLAGE"', "districts.220221.kind"),
        ("districts.toml", 'zh = "昌邑区"', 'zh = ""', "districts.220202.name.zh"),
        ("districts.toml", 'kind = "COUNTY"', 'kind = "COUNTY"\npeople = 1', "districts.220221.people"),
        ("districts.toml", "[districts.220221]", "[districts.220202]", "220202"),
        ("districts.toml", "[districts.220221]", "[districts.yongji]", "districts.yongji.code"),
        ("districts.toml", '["districts/220221"]', '["districts/220299"]', "districts/220273"),
        ("districts.toml", '["districts/220221"]', '["districts/220271"]', "districts/220273"),
        ("districts.toml", 'kind = "COUNTY"\n', 'kind = "COUNTY"\nvalid_from = 1\n', "220221.valid_from"),
        ("districts.toml", 'kind = "COUNTY"\n', f'kind = "COUNTY"\n{NO_DAY}\n', "220221: valid_to"),
        ("industries.toml", "new-materials = {", "New_Materials = {", "technology_fields.New_Materials.code"),
        ("industries.toml", 'zh = "旅游", ', "", "industry_chains.tourism.zh"),
        ("industries.toml", "[industry_chains]", "[chains]", "industry_chains"),
        ("industries.toml", "[industry_chains]", "[industry_chains", "line"),
    ],
)
def test_bad_data_are_refused(folder: Path, file: str, old: str, new: str, field: str) -> None:
    """A profile with a mistake is refused by a message that names the file and the field."""
    edit(folder / file, old, new)
    with pytest.raises(BadProfile) as refused:
        read_profile(folder)
    assert str(folder / file) in str(refused.value)
    assert field in str(refused.value)


@pytest.mark.parametrize("told", ["districts = 3", "districts.220202 = 3", "[[districts]]\ncode = '220202'"])
def test_another_shape_is_refused(folder: Path, told: str) -> None:
    """Data of another shape than tables by code are refused like any other mistake."""
    (folder / "districts.toml").write_text(told, encoding="utf-8")
    with pytest.raises(BadProfile, match=r"districts\.toml: districts"):
        read_profile(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    """A profile that lacks a file is refused by that file's name."""
    (folder / "industries.toml").unlink()
    with pytest.raises(BadProfile, match=r"industries\.toml"):
        read_profile(folder)


def test_the_demo_says_what_the_rpcs_take(demo: dict[str, Any]) -> None:
    """The demo tells only what the public RPCs take, so it holds no contact or other field about a person."""
    space = {"key", *spaces_pb2.SpaceSpec.DESCRIPTOR.fields_by_name}
    startup = {"key", *startups_pb2.StartupSpec.DESCRIPTOR.fields_by_name}
    tenancy = {"key", "space", "startup", "desks", "area_m2", "starts", "ends"}
    assert set(demo) == {"spaces", "startups", "tenancies"}
    assert all(set(it) <= space for it in demo["spaces"])
    assert all(set(it) <= startup for it in demo["startups"])
    assert all(set(it) <= tenancy for it in demo["tenancies"])


def test_every_reference_of_the_demo_resolves(demo: dict[str, Any]) -> None:
    """Districts, zones, terms, kinds and keys that the demo refers to stand in the profile or the demo."""
    city = read_profile(JILIN)
    for space in demo["spaces"]:
        assert city.is_district(space["district"]), space
        assert "zone" not in space or city.is_zone(space["zone"]), space
        assert space["kind"] in city.space_kinds, space
    for startup in demo["startups"]:
        assert city.is_district(startup["district"]), startup
        assert startup["technology_field"] in city.technology_fields, startup
        assert startup.get("industry_chain", "health") in city.industry_chains, startup
    spaces, startups = ({it["key"] for it in demo[kind]} for kind in ("spaces", "startups"))
    assert all(it["space"] in spaces and it["startup"] in startups for it in demo["tenancies"])


@pytest.mark.parametrize("kind", ["spaces", "startups", "tenancies"])
def test_keys_of_the_demo_make_request_ids(demo: dict[str, Any], kind: str) -> None:
    """Keys are unlike one another and short enough, with a prefix, for the 64 characters of a request_id."""
    keys = [it["key"] for it in demo[kind]]
    assert len(set(keys)) == len(keys)
    assert all(key.replace("-", "").isalnum() and key.isascii() and len(key) <= 40 for key in keys)


def test_the_carriers_of_the_policy_are_there(demo: dict[str, Any]) -> None:
    """Every carrier that clauses 7 to 12 name is in the demo, and in the district or zone the text gives."""
    places = {it["display_name"]: {it["district"], it.get("zone")} for it in demo["spaces"]}
    said = {
        "吉林市科技创新城": None,
        "吉林市综合性大学科技园（多校一园）": None,
        "吉林市科技创新城“智造基地”": None,
        "国家特种纤维及复合材料产业基地": "districts/220271",
        "金珠工业园": None,
        "化工园区": None,
        "航空产业园": "districts/220271",
        "吉林市科技创新中心": None,
        "吉林高新区创业中心": "districts/220272",
        "吉林大仝数码软件外包基地": None,
        "吉林市“创新创业大街”": None,
        "吉林经济开发区碳纤维产业创新创业服务中心": "districts/220271",
        "蓝天创客科技城": "districts/220202",
        "筑石“WE+”电子商务产业园": "districts/220211",
        "海鑫化工创客加速器": "districts/220203",
        "吉林市保税物流中心": None,
    }
    assert all(name in places and (where is None or where in places[name]) for name, where in said.items())
    assert all(name.endswith("（演示）") for name in places.keys() - said.keys())


def test_the_demo_shows_the_whole_city(demo: dict[str, Any]) -> None:
    """Every kind of space, technology field, industry chain and district occurs; so do teams and firms."""
    city = read_profile(JILIN)
    startups = demo["startups"]
    assert {it["kind"] for it in demo["spaces"]} == set(city.space_kinds)
    assert {it["technology_field"] for it in startups} == set(city.technology_fields)
    assert {it["industry_chain"] for it in startups if "industry_chain" in it} == set(city.industry_chains)
    assert {it["district"] for it in startups} == {name for name in city.districts if city.is_district(name)}
    assert {"credit_code" in it for it in startups} == {True, False}


def test_demo_startups_say_that_they_are_invented(demo: dict[str, Any]) -> None:
    """No invented startup can be taken for a real one: each is marked in its name."""
    assert all(it["display_name"].endswith("（演示）") for it in demo["startups"])


def test_credit_codes_of_the_demo_hold(demo: dict[str, Any]) -> None:
    """Every code is one firm's alone, with the check digits of GB 11714 (organisation) and GB 32100-2015."""
    codes = [it["credit_code"] for it in demo["startups"] if "credit_code" in it]
    assert len(set(codes)) == len(codes)
    assert any(code.startswith("N") for code in codes)
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    weights = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
    for code in codes:
        organisation = zip(code[8:16], (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
        # An organisation code's letters count on from 10; a credit code's alphabet lacks five letters.
        rest = sum(int(letter, 36) * weight for letter, weight in organisation) % 11
        assert code[16] == "0X987654321"[rest], code
        rest = sum(letters.index(letter) * weight for letter, weight in zip(code[:17], weights, strict=True)) % 31
        assert code[17] == letters[-rest % 31], code


def test_credit_codes_of_the_demo_are_of_its_city(demo: dict[str, Any]) -> None:
    """The division within a code is the firm's district, or the city's own 220200 or 220201."""
    for it in demo["startups"]:
        if "credit_code" in it:
            assert it["credit_code"][2:8] in {
                it["district"].removeprefix("districts/"),
                "220200",
                "220201",
            }, it


@pytest.mark.parametrize("measure", ["desks", "area_m2"])
def test_no_space_of_the_demo_is_oversold(demo: dict[str, Any], measure: str) -> None:
    """No day lets more desks or m² of a space than it has; on the day of moving out they are free."""
    room = {it["key"]: it[measure] for it in demo["spaces"]}
    changes: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for it in demo["tenancies"]:
        assert it["desks"] or it["area_m2"], it
        changes[it["space"]][it["starts"]] += it[measure]
        if "ends" in it:
            changes[it["space"]][it["ends"]] -= it[measure]
    for space, by_day in changes.items():
        let = 0
        for day in sorted(by_day):
            let += by_day[day]
            assert 0 <= let <= room[space], (space, day)


def test_no_startup_of_the_demo_is_in_two_spaces(demo: dict[str, Any]) -> None:
    """A startup has at most one tenancy on a day, and none before it was founded."""
    founded = {it["key"]: it["founded_date"] for it in demo["startups"]}
    assert all(day <= FIRST_SEEDING for day in founded.values())
    stays = defaultdict(list)
    for it in demo["tenancies"]:
        stays[it["startup"]].append((it["starts"], it.get("ends", 100_000)))
        assert founded[it["startup"]] <= FIRST_SEEDING + timedelta(days=it["starts"]), it
    for startup, periods in stays.items():
        assert all(start < end for start, end in periods), startup
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(periods))), startup


def test_the_demo_is_alive(demo: dict[str, Any]) -> None:
    """When seeded, some tenancies are over, some run and some are yet to begin; some startup has none."""
    over = [it for it in demo["tenancies"] if it.get("ends", 1) <= 0]
    coming = [it for it in demo["tenancies"] if it["starts"] > 0]
    assert over
    assert coming
    assert len(demo["tenancies"]) - len(over) - len(coming) >= 10
    assert len({it["startup"] for it in demo["tenancies"]}) < len(demo["startups"])

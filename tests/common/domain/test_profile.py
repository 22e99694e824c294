"""Jilin City's profile says what the policy and the statistics say, and a profile with a mistake is refused."""

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from libs.common.domain.profile import ProfileError, Section, Text, read_profile
from services.spaces.domain.profile import SpacesProfile
from services.spaces.domain.space import Kind

JILIN = Path(__file__).parents[3] / "profiles" / "jilin"
NO_DAY = "valid_from = 2020-01-02\nvalid_to = 2020-01-02"
CITY = read_profile(JILIN).city


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the profile, to be changed."""
    return Path(shutil.copytree(JILIN, tmp_path / "jilin"))


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that the file has."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_city_is_jilin() -> None:
    """The city has its statistical code, its names and its time zone."""
    assert (CITY.name, CITY.code, CITY.time_zone) == ("jilin", "220200", "Asia/Shanghai")
    assert (CITY.display_name.zh, CITY.display_name.en) == ("吉林市", "Jilin City")


def test_nine_divisions_and_three_zones() -> None:
    """Nine administrative divisions and three functional zones have the codes of the statistics."""
    districts = {name: (district.name.zh, district.kind) for name, district in CITY.districts.items()}
    assert districts == {
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
    """A zone overlaps districts and is never one of them; a name that the city does not have is neither."""
    assert (CITY.is_district(name), CITY.is_zone(name)) == (is_district, is_zone)


def test_twelve_technology_fields() -> None:
    """The technology fields are the twelve of the Torch statistics, each known by its own code."""
    assert [term.zh for term in CITY.technology_fields.values()] == [
        "电子信息", "先进制造", "航空航天", "现代交通", "生物医药与医疗器械", "新材料",
        "新能源与节能", "环境保护", "地球空间与海洋", "核应用技术", "现代农业", "其他",
    ]  # fmt: skip
    assert all(term.code == code for code, term in CITY.technology_fields.items())


def test_the_industry_chains_of_clause_4() -> None:
    """The industry chains are the six that clause 4 of the policy names."""
    assert [term.zh for term in CITY.industry_chains.values()] == [
        "旅游", "健康", "航空", "信息", "新材料", "先进装备制造",
    ]  # fmt: skip


def test_every_kind_of_space_is_named() -> None:
    """The section of spaces names each kind of space in Chinese and English, and nothing else."""
    section = read_profile(JILIN).section("spaces", SpacesProfile)
    assert set(section.kinds) == {kind.value for kind in Kind}


def test_a_profile_is_a_value() -> None:
    """What was read cannot be changed."""
    with pytest.raises(ValidationError):
        CITY.code = "220000"  # type: ignore[misc]


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
def test_a_mistake_is_located(folder: Path, file: str, old: str, new: str, field: str) -> None:
    """A profile with a mistake is refused by a message that names the file and the field."""
    edit(folder / file, old, new)
    with pytest.raises(ProfileError) as caught:
        read_profile(folder)
    assert str(folder / file) in str(caught.value)
    assert field in str(caught.value)


@pytest.mark.parametrize("text", ["districts = 3", "districts.220202 = 3", "[[districts]]\ncode = '220202'"])
def test_another_shape_is_refused(folder: Path, text: str) -> None:
    """Data of another shape than tables by code are refused like any other mistake."""
    (folder / "districts.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match=r"districts\.toml: districts"):
        read_profile(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    """A profile that lacks a file is refused by that file's name."""
    (folder / "industries.toml").unlink()
    with pytest.raises(ProfileError, match=r"industries\.toml"):
        read_profile(folder)


class LibraryProfile(Section):
    """A section that a service of the tests defines."""

    greeting: Text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "No such file"),
        ("greeting = {zh = '好'}", "greeting.en: Field required"),
        ("greeting = {zh = '好', en = 'Hi'}\nmotto = 'x'", "motto: Extra inputs"),
        ("greeting = ", "Invalid value"),
    ],
)
def test_a_section_with_a_mistake_is_located(folder: Path, text: str | None, found: str) -> None:
    """A service's own section that is missing or wrong is refused by a message that names its file and the field."""
    file = folder / "library.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        read_profile(folder).section("library", LibraryProfile)
    assert str(file) in str(caught.value)
    assert found in str(caught.value)


def test_a_section_is_the_services_model(folder: Path) -> None:
    """A valid section is read as the model that the service defines."""
    (folder / "library.toml").write_text("greeting = {zh = '好', en = 'Hi'}", encoding="utf-8")
    assert read_profile(folder).section("library", LibraryProfile).greeting == Text(zh="好", en="Hi")


def test_missing_kinds_of_spaces_are_named(folder: Path) -> None:
    """A profile that does not name every kind of space, or names another, does not fit the service."""
    edit(folder / "spaces.toml", "INCUBATOR", "HATCHERY")
    with pytest.raises(ProfileError, match="HATCHERY, INCUBATOR: missing, or not a kind of space"):
        read_profile(folder).section("spaces", SpacesProfile)

"""Exported files: what a spreadsheet would change stays a text, and Chinese is readable."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl import load_workbook

from services.mentors.service.export import Cell, csv_file, xlsx_file

HEADING = ("日期 Date", "分钟 Minutes", "企业 Startup")
FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://example.com","x")',
    "+86 432 6200 0000",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    " =1+1",
    "＝1+1",
    "＠SUM(A1)",
)
CODES = ("912201025732581015", "00123", "2026-001", "1e10", "3/5", "12:30", "1,000", "13 04")
PLAIN = ("松江碳材", "A-1 工坊", "91220582778712797L", "3号楼", "a=b", "", "e", "、")
#: Texts without the characters that a workbook cannot hold.
_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=20)


def csv_rows(content: bytes) -> list[list[str]]:
    """Read a CSV file as a spreadsheet does, without its heading."""
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1:]


def xlsx_cells(content: bytes) -> list[list[Any]]:
    """Return the cells of a workbook without its heading."""
    sheet = load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    return [list(row) for row in sheet.iter_rows(min_row=2)]


def test_a_csv_file_begins_with_a_byte_order_mark() -> None:
    """Excel reads Chinese as UTF-8 by the mark, and as GBK without it."""
    content = csv_file(HEADING, [(date(2026, 3, 5), 45, "松江碳材")])
    expected = "\ufeff日期 Date,分钟 Minutes,企业 Startup\r\n2026-03-05,45,松江碳材\r\n"
    assert content.decode() == expected


@pytest.mark.parametrize("text", [*FORMULAS, *CODES])
def test_a_text_that_a_spreadsheet_would_change_is_marked(text: str) -> None:
    """In CSV it begins with an apostrophe; in a workbook it is a text cell that stays one when it is edited."""
    assert csv_rows(csv_file(HEADING, [(None, 1, text)])) == [["", "1", f"'{text}"]]
    ((_, _, cell),) = xlsx_cells(xlsx_file("时数", HEADING, [(None, 1, text)]))
    assert (cell.value, cell.data_type, cell.quotePrefix, cell.number_format) == (text, "s", True, "@")


@pytest.mark.parametrize("text", PLAIN)
def test_other_texts_are_as_they_are(text: str) -> None:
    """Names and codes that no spreadsheet changes carry no mark."""
    assert csv_rows(csv_file(HEADING, [(None, 1, text)])) == [["", "1", text]]
    ((_, _, cell),) = xlsx_cells(xlsx_file("时数", HEADING, [(None, 1, text)]))
    assert (cell.value or "", cell.quotePrefix) == (text, False)


def test_days_and_numbers_can_be_calculated_with() -> None:
    """In a workbook a day is a day and minutes are a number."""
    ((day, minutes, _),) = xlsx_cells(xlsx_file("时数", HEADING, [(date(2026, 3, 5), 45, "x")]))
    assert (day.value.date(), day.is_date, minutes.value, minutes.data_type) == (date(2026, 3, 5), True, 45, "n")


def test_characters_that_a_workbook_cannot_hold_are_left_out() -> None:
    """A control character in an old record does not make the export fail."""
    ((_, _, cell),) = xlsx_cells(xlsx_file("时数", HEADING, [(None, 1, "松\x0b江")]))
    assert cell.value == "松江"


def test_quotes_commas_and_lines_stay_in_their_cell() -> None:
    """A text with the separators of CSV does not shift the columns behind it."""
    text = '他说:"好",\n再见'
    assert csv_rows(csv_file(HEADING, [(None, 1, text)])) == [["", "1", text]]


@given(st.lists(st.tuples(st.none(), st.integers(0, 999), _TEXTS), max_size=5))
@example([(None, 1, "#N/A")])
def test_no_file_has_a_formula_and_every_text_comes_back(rows: Sequence[tuple[Cell, int, str]]) -> None:
    """Whatever people enter: no cell is a formula or an error, and the text is what it was."""
    for given_row, read in zip(rows, csv_rows(csv_file(HEADING, rows)), strict=True):
        assert read[2] in (given_row[2], f"'{given_row[2]}")
        assert read[2][:1] not in set("=+-@＝＋－＠")
    for given_row, cells in zip(rows, xlsx_cells(xlsx_file("时数", HEADING, rows)), strict=True):
        assert (cells[2].value or "") == given_row[2]
        assert cells[2].data_type in ("s", "n", "inlineStr")
        assert cells[2].data_type != "n" or cells[2].value is None

"""Workbooks of Excel. Apart from export.py, because openpyxl is imported for the first workbook only."""

import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from services.mentors.service.export import Cell, is_altered


def write_workbook(title: str, heading: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a workbook with one sheet. Texts are stored as texts, whatever they look like."""
    workbook = Workbook(write_only=True)
    sheet: WriteOnlyWorksheet = workbook.create_sheet(title)
    sheet.freeze_panes = "A2"
    sheet.append(list(heading))
    for row in rows:
        sheet.append([_xlsx_cell(sheet, cell) for cell in row])
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _xlsx_cell(sheet: WriteOnlyWorksheet, cell: Cell) -> object:
    if not isinstance(cell, str):
        return cell
    text = ILLEGAL_CHARACTERS_RE.sub("", cell)
    if not is_altered(text) and not text.startswith("#"):
        return text
    marked = WriteOnlyCell(sheet, text)
    marked.data_type = "s"  # openpyxl would store a text that begins with `=` as a formula
    marked.number_format = "@"
    marked.quotePrefix = True  # it stays a text when somebody edits the cell
    return marked

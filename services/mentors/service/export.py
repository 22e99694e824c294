"""Files for spreadsheets. No cell is a formula, and codes and long numbers stay text."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

#: A text, a number, a day, a time of the city without its zone, or nothing.
Cell = str | int | date | None
CSV_MEDIA_TYPE = "text/csv; charset=utf-8"
XLSX_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Spreadsheets take a text that begins with one of these for a formula. Some do so with the full-width forms too.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
#: Spreadsheets take such a text for a number, a day or a time, and lose its zeros or digits.
_NUMERIC = re.compile(r"(?=.*[0-9])[0-9.,:/\-\s]+([eE][0-9]+)?")


def csv_file(heading: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a CSV file in UTF-8 with a byte order mark, by which Excel reads Chinese.

    A text that a spreadsheet would not keep as it is begins with an apostrophe.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(heading)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return f"'{cell}" if is_altered(cell) else cell
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return "" if cell is None else str(cell)


def is_altered(text: str) -> bool:
    """Whether a spreadsheet would take the text for a formula, a number, a day or a time."""
    return bool(_FORMULA.match(text) or _NUMERIC.fullmatch(text))


def xlsx_file(title: str, heading: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a workbook with one sheet. Texts are stored as texts, whatever they look like."""
    # openpyxl takes a tenth of a second to import, which only the first workbook should cost.
    from services.mentors.service.workbook import write_workbook  # noqa: PLC0415

    return write_workbook(title, heading, rows)

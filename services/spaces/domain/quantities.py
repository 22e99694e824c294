"""Quantities of room."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainSerializer

Desks = Annotated[int, Field(ge=0, le=100_000)]
#: An area to 0.01 m². It is exact in Python; documents hold the nearest double, which reads back as the same decimal.
SquareMetres = Annotated[Decimal, PlainSerializer(float)]
#: An area in a request.
Area = Annotated[SquareMetres, Field(ge=0, le=10_000_000, decimal_places=2)]


def area_text(area_m2: Decimal) -> str:
    """Format an area without an exponent and without trailing zeros."""
    return f"{area_m2.normalize():f}"

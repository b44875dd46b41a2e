"""A basket as tills and shops tell of it, before it is paid."""

from typing import Annotated

from pydantic import Field, model_validator

from wallet_service.domain.purchase import Line
from wallet_service.web.api.model import Minor, Model, Text, Whole


class BasketLine(Model):
    """A line: `net_minor` after discounts and without tax; `earns` is false for gift cards and the like."""

    sku: Text
    net_minor: Minor = 0
    quantity: Annotated[int, Field(ge=0, le=100_000), Whole] = 1
    tags: Annotated[tuple[Text, ...], Field(max_length=50)] = ()
    earns: bool = True

    def noun(self) -> Line:
        """Return the line as rules look at it."""
        return Line(self.sku, self.net_minor, self.quantity, self.tags, self.earns)


Lines = Annotated[tuple[BasketLine, ...], Field(max_length=1000)]


class Basket(Model):
    """What is to be paid, in minor units of the programme's currency: what earns of it, or its lines, or both."""

    eligible_minor: Annotated[
        Minor | None, Field(description="What earns: after discounts, without tax, delivery and gift cards.")
    ] = None
    lines: Lines = ()
    tax_minor: Minor | None = None
    total_minor: Minor | None = None
    location: Text | None = None

    @model_validator(mode="after")
    def _sums_up(self) -> "Basket":
        if self.eligible_minor is None and not self.lines:
            raise ValueError("should have eligible_minor, or lines")
        if self.lines and self.eligible_minor not in (None, self._of_lines):
            raise ValueError(f"the lines that earn make {self._of_lines}")
        return self

    @property
    def earning(self) -> int:
        """What earns of it."""
        return self._of_lines if self.eligible_minor is None else self.eligible_minor

    @property
    def _of_lines(self) -> int:
        return sum(each.net_minor for each in self.lines if each.earns)

"""What a refusal says, in every door's words: RFC 9457."""

from typing import Annotated

from pydantic import ConfigDict, Field

from wallet_service.web.api.model import Model

PROBLEM = "application/problem+json"


class FieldFault(Model):
    """One thing that is wrong in a request: where, and why."""

    field: str
    message: str


class Problem(Model):
    """Why a request was refused; some types say more than these fields."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="Which kind of problem; it never changes. `urn:wallet-service:problem:…`")]
    title: str
    status: int
    detail: str = ""
    errors: tuple[FieldFault, ...] = ()

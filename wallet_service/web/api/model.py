"""What requests and answers are made of: closed, strict models, and the types that several of them share."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from wallet_service.domain.errors import Fault, RequestRefused
from wallet_service.domain.event import Customer

MOST_POINTS = 10**12
MOST_MINOR = 10**11
MOST_DIGITS = 18
_PLAIN = r"^[^\x00-\x1f\x7f]+$"


class Model(BaseModel):
    """A part of a request or an answer: of the stated types, and with no other fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


Anything = TypeVar("Anything", bound=Model)


class Schemas(GenerateJsonSchema):
    """JSON Schema without titles that repeat a field's name, and without null for a default."""

    def field_title_should_be_set(self, _: Any) -> bool:
        """Return False: a field is called by its name."""
        return False

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """Leave out a default that says only that nothing was given."""
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if key != "default" or value is not None}


def _digits(given: object) -> object:
    """Return the number in a query; what Python would take for one and JSON would not, such as "1_000", is none."""
    if not isinstance(given, str):
        return given
    if not (given.isascii() and given.isdecimal() and len(given) <= MOST_DIGITS):
        raise ValueError("should be a whole number")
    return int(given)


def _whole(given: object) -> object:
    """Return the whole number that JSON may write as 500.0; what is no whole number is left to be refused."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def _flag(given: object) -> object:
    """Return what a query says by "true" or "false"; what else Python would take for it is no answer."""
    if not isinstance(given, str):
        return given
    if given not in ("true", "false"):
        raise ValueError("should be true or false")
    return given == "true"


MemberId = Annotated[str, StringConstraints(pattern=r"^mem_[0-9a-z]{1,40}$"), Field(description="Our id of a member.")]
HoldId = Annotated[str, StringConstraints(pattern=r"^hld_[0-9a-z]{1,40}$"), Field(description="Our id of a hold.")]
RedemptionId = Annotated[
    str, StringConstraints(pattern=r"^rdm_[0-9a-z]{1,40}$"), Field(description="Our id of a redemption.")
]
SerialNumber = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-z]{1,40}$"), Field(description="The serial number of a card.")
]
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=_PLAIN), Field(description="Your own id of a member.")
]
CardCode = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Z]{16}$"), Field(description="What a till scans on a member's card.")
]
OrderId = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=_PLAIN), Field(description="Your own id of an order.")
]
Language = Literal["en", "ru", "cs", "ro"]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
ProgramCode = Annotated[Code, Field(description="The programme; may be left out where you have only one.")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PLAIN)]
Digits, Whole = BeforeValidator(_digits), BeforeValidator(_whole)
Flag = Annotated[bool, BeforeValidator(_flag)]
Points = Annotated[int, Field(ge=1, le=MOST_POINTS), Whole]
Minor = Annotated[int, Field(ge=0, le=MOST_MINOR), Whole]
Reason = Annotated[Text, Field(description="Why, for the books.")]


class MemberPath(Model):
    """Which member."""

    member_id: MemberId


class InLanguage(Model):
    """How to call things."""

    language: Annotated[Language, Field(description="The language of names and terms.")] = "en"


class MemberName(Model):
    """Who is meant: exactly one of our id, your own id, and what the till has scanned."""

    id: MemberId | None = None
    external_id: ExternalId | None = None
    card_code: CardCode | None = None

    @model_validator(mode="after")
    def _only_one(self) -> "MemberName":
        if [self.id, self.external_id, self.card_code].count(None) != 2 or len(self.model_fields_set) != 1:
            raise ValueError("should have exactly one of id, external_id, card_code")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return one object for each way of naming: what reads descriptions makes more of that than of conditions."""
        made = handler(schema)
        told = handler.resolve_ref_schema(made)
        options = [
            {
                "type": "object",
                "properties": {name: each["anyOf"][0]},
                "required": [name],
                "additionalProperties": False,
            }
            for name, each in told["properties"].items()
        ]
        about = told["description"]
        told.clear()
        told.update({"description": about, "anyOf": options})
        return made

    def customer(self) -> Customer:
        """Return who is meant, as operations name members."""
        return Customer(id=self.external_id, member_id=self.id, card_code=self.card_code)


def refused(errors: ValidationError) -> RequestRefused:
    """Return the refusal of a request that names everything in it that is wrong."""
    faults = [_fault(each) for each in errors.errors(include_url=False, include_input=False)]
    return RequestRefused("The request cannot be understood; nothing was done.", faults)


def _fault(error: Any) -> Fault:
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    plain = {"missing": "is missing", "extra_forbidden": "is not known here; leave it out"}
    return Fault("request", ".".join(str(part) for part in error["loc"]), plain.get(error["type"], message))

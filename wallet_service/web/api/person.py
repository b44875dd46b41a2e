"""What is told of a member's person: by whom it is known, profile, and consents."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from wallet_service.domain import event
from wallet_service.domain.identity import Identity, identity
from wallet_service.domain.values import Code, Email, Id, Key, Locale, Phone, Words
from wallet_service.web.api.model import Model

CLEARED = ("name", "locale", "birthday", "cause")  # what a null takes away
_MONTH_AND_DAY = len("06-01")


def _is_a_day(text: str) -> str:
    try:
        _day(text)
    except ValueError:
        raise ValueError("should be a birthday such as 06-01 or 1990-06-01") from None
    return text


def _day(text: str) -> date:
    return date.fromisoformat(text if len(text) > _MONTH_AND_DAY else f"2000-{text}")  # a leap year has all days


Birthday = Annotated[
    str,
    StringConstraints(pattern=r"^([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
    AfterValidator(_is_a_day),
    Field(description="Month and day, such as 06-01; a year is not kept."),
]
OwnId = Annotated[Id, Field(description="Your own id of the member; without one, our id stands for it.")]


class ConsentGiven(Model):
    """What a member agrees to, or no longer does; `name_at_till` lets a till be told the name."""

    purpose: Key
    granted: bool
    channel: Key | None = None
    text_version: Annotated[Id | None, Field(description="Which text the member was shown.")] = None

    def noun(self) -> event.Consent:
        """Return the consent as events tell of it."""
        return event.Consent(self.purpose, self.granted, self.channel, self.text_version)


class Address(Model):
    """An address by which a member is known."""

    kind: Literal["email", "phone"]
    value: Annotated[str, Field(min_length=1, max_length=320)]


class Person(Model):
    """A member's person, as far as it is told."""

    name: Words | None = None
    locale: Locale | None = None
    birthday: Birthday | None = None
    email: Email | None = None
    phone: Annotated[Phone | None, Field(description="With its country, such as +420 601 000 000.")] = None
    cause: Annotated[Code | None, Field(description="The cause that the member's donations go to.")] = None
    consents: Annotated[tuple[ConsentGiven, ...], Field(max_length=20)] = ()

    @property
    def month_and_day(self) -> tuple[int, int] | None:
        """The birthday as it is kept."""
        day = _day(self.birthday) if self.birthday else None
        return (day.month, day.day) if day else None

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What else the member is known by."""
        found = (identity("email", self.email or ""), identity("phone", self.phone or ""))
        return tuple(each for each in found if each)


class NewMember(Person):
    """Who joins; nothing has to be told."""

    program: Annotated[Code | None, Field(description="The programme; may be left out where you have only one.")] = None
    external_id: OwnId | None = None
    referral_code: Annotated[Id | None, Field(description="The code of the member who has brought this one.")] = None

    def fact(self) -> event.MemberEnrolled:
        """Return what this says, as events say it."""
        return event.MemberEnrolled(
            event.Customer(id=self.external_id, identities=self.identities),
            self.name,
            self.locale,
            self.month_and_day,
            self.cause,
            self.referral_code,
            tuple(each.noun() for each in self.consents),
        )


class ChangedMember(Person):
    """What has changed of a member; what is left out stays as it is, a null takes name, locale, birthday or cause away.

    An address comes to those that are known.
    """

    forget: Annotated[
        tuple[Address, ...], Field(max_length=20, description="Addresses by which the member is known no more.")
    ] = ()

    def fact(self, member_id: str) -> event.MemberUpdated:
        """Return what this says of a member, as events say it."""
        return event.MemberUpdated(
            event.Customer(member_id=member_id, identities=self.identities),
            self.name,
            self.locale,
            self.month_and_day,
            self.cause,
            tuple(each.noun() for each in self.consents),
            tuple(each for each in CLEARED if each in self.model_fields_set and getattr(self, each) is None),
        )

    @property
    def forgotten(self) -> tuple[Identity, ...]:
        """What the member is known by no more; what is no address is nobody's anyway."""
        found = (identity(each.kind, each.value) for each in self.forget)
        return tuple(each for each in found if each)

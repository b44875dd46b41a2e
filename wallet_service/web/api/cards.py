"""Cards: how one stands and where its holder gets it, and another card or code for what was lost or copied."""

from wallet_service.domain.errors import OperationRefused, UnknownCard
from wallet_service.domain.event import Customer
from wallet_service.links import card_url, google_add_url
from wallet_service.usecases import replace_card as replacing
from wallet_service.usecases.operate import Operation, refused
from wallet_service.usecases.reach import card_of, program_of_member
from wallet_service.usecases.revoke import revoke_card
from wallet_service.web.api import answers, samples
from wallet_service.web.api.answers import Card
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Model, SerialNumber
from wallet_service.web.api.routes import Done, Example, Resource
from wallet_service.wiring import Found, Opened

CARDS = Resource("Cards", "The cards that members hold, and the links to them.")


class CardPath(Model):
    """Which card."""

    serial_number: SerialNumber


class CardInFull(Card):
    """A card with its member; `replaced` says that the member has another one, and this one tells nothing any more."""

    member_id: str
    program: str
    replaced: bool


class Links(Model):
    """Where a card's holder gets it: a page that offers each wallet, and the wallets; `google` where it is offered."""

    page: str
    apple: str
    google: str | None


class Replaced(Model):
    """The card that the member has now, and the one that is void."""

    member_id: str
    serial_number: str
    voided_serial_number: str
    add_url: str


class CardChanged(Model):
    """The card in its new revision, which phones show with their next update."""

    member_id: str
    serial_number: str
    revision: int


@CARDS.get(
    "/cards/{serial_number}",
    scope="members:read",
    problems=(UnknownCard,),
    example=Example(path={"serial_number": samples.SERIAL_NUMBER}),
)
def get_card(call: Call, *, path: CardPath) -> CardInFull:
    """Show a card as it stands."""
    found = call.service.settled(_found(call, path))
    return CardInFull(
        **answers.card_of(call, found),
        member_id=found.member.public_id,
        program=call.service.in_force.of_card(found).program.program.code,
        replaced=found.member.replaced,
    )


@CARDS.get(
    "/cards/{serial_number}/links",
    scope="members:read",
    problems=(UnknownCard,),
    example=Example(path={"serial_number": samples.SERIAL_NUMBER}),
)
def get_links(call: Call, *, path: CardPath) -> Links:
    """Show the links by which a member gets the card.

    Whoever has one of them has the card. They work as long as the card is valid.
    """
    serial_number = _found(call, path).member.card.serial_number
    where = call.service.settings.base_url, call.service.secret_key, serial_number
    return Links(
        page=answers.link_of(call, serial_number),
        apple=card_url(*where),
        google=google_add_url(*where) if call.service.google else None,
    )


@CARDS.post(
    "/cards/{serial_number}/replace",
    scope="cards:write",
    problems=(OperationRefused, UnknownCard),
    example=Example(path={"serial_number": samples.SERIAL_NUMBER}),
)
def replace_card(call: Call, *, path: CardPath) -> Done[Replaced]:
    """Give the member a new card, and make this one void on every phone.

    What was lost or copied is worth nothing any more. The new card has links of its own.
    """
    found, opened, customer = _holder(call, path)

    def act(operation: Operation) -> replacing.Replaced:
        replaced = replacing.replace_card(operation, customer=customer)
        _check(found, replaced.voided_serial_number)
        return replaced

    done = call.do(opened, "card.replace", act)
    serial_number = done.answer["serial_number"]
    return Done(Replaced(**done.answer, add_url=answers.link_of(call, serial_number)), done.replayed)


@CARDS.post(
    "/cards/{serial_number}/change-code",
    scope="cards:write",
    problems=(OperationRefused, UnknownCard),
    example=Example(path={"serial_number": samples.SERIAL_NUMBER}),
)
def change_code(call: Call, *, path: CardPath) -> Done[CardChanged]:
    """Give a card another barcode; the one before is refused at once."""
    found, opened, customer = _holder(call, path)

    def act(operation: Operation) -> replacing.Recoded:
        recoded = replacing.change_code(operation, customer=customer)
        _check(found, recoded.serial_number)
        return recoded

    done = call.do(opened, "card.code", act)
    return Done(CardChanged(**done.answer), done.replayed)


@CARDS.post(
    "/cards/{serial_number}/revoke",
    scope="cards:write",
    problems=(UnknownCard,),
    example=Example(path={"serial_number": samples.SERIAL_NUMBER}),
)
def revoke(call: Call, *, path: CardPath) -> Done[CardChanged]:
    """Make a card void on every phone; its member's points stay.

    The member can have another one: replace it.
    """
    found, opened, _ = _holder(call, path)
    done = call.do(opened, "card.revoke", lambda operation: revoke_card(operation, found=found))
    return Done(CardChanged(**done.answer), done.replayed)


def _found(call: Call, path: CardPath) -> Found:
    with call.service.read() as tx:
        return card_of(tx, call.merchant_id, path.serial_number)


def _holder(call: Call, path: CardPath) -> tuple[Found, Opened, Customer]:
    with call.service.read() as tx:
        found = card_of(tx, call.merchant_id, path.serial_number)
        opened = program_of_member(tx, call.merchant_id, found.member.public_id)
    return found, opened, Customer(member_id=found.member.public_id)


def _check(found: Found, serial_number: str) -> None:
    """Refuse to do with the member's present card what is asked for another one.

    Raises `OperationRefused`.
    """
    if found.member.card.serial_number != serial_number:
        raise refused("card", f"was replaced before; the member has the card {serial_number}")

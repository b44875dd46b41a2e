"""Do phones show what the ledger says? Of one card, and of a whole programme."""

from datetime import datetime

from wallet_service.domain.errors import ProgramNotNamed, UnknownCard, UnknownProgram
from wallet_service.usecases.drift import Late, drift_of_program, look_at
from wallet_service.usecases.reach import card_of, program_of
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.cards import CardPath
from wallet_service.web.api.model import Model, ProgramCode
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import Example, Resource

SYNC = Resource("Sync", "Whether each phone shows what the ledger says, as far as can be known, and why not.")


class Wallet(Model):
    """A phone, or a vendor, that holds a card: `shown` is the revision that it has, `revision` that of the ledger.

    It is to show `wanted`, and was told of `sent`; `why` says in words how that stands.
    """

    serial_number: str
    platform: str
    device: str
    revision: int
    wanted: int
    sent: int
    shown: int
    in_step: bool
    sent_at: datetime | None
    installed_at: datetime | None
    removed_at: datetime | None
    why: str


class Wallets(Model):
    """All wallets that hold a card."""

    revision: int
    data: tuple[Wallet, ...]


class ProgramSync(Model):
    """How a programme's cards stand on all phones, and a page of the wallets that are behind.

    Of the `wallets`, `unsent` wait to be told, and `unfetched` were told and have not come yet.
    """

    cards: int
    cards_in_step: int
    wallets: int
    unsent: int
    unfetched: int
    data: tuple[Wallet, ...]
    next: Next


class WhichProgram(Paged):
    """Which programme."""

    program: ProgramCode | None = None


@SYNC.get(
    "/cards/{serial_number}/wallets",
    scope="sync:read",
    problems=(UnknownCard,),
    example=Example(path={"serial_number": samples.SERIAL_NUMBER}),
)
def list_wallets(call: Call, *, path: CardPath) -> Wallets:
    """Show what each wallet of a card shows, and what the ledger says."""
    with call.service.read() as tx:
        card = card_of(tx, call.merchant_id, path.serial_number).member.card
        found = look_at(tx, card, now=call.now)
    return Wallets(revision=card.revision, data=tuple(_wallet(each) for each in found))


@SYNC.get("/sync", scope="sync:read", problems=(ProgramNotNamed, UnknownProgram))
def get_sync(call: Call, *, query: WhichProgram) -> ProgramSync:
    """Show how all cards of a programme stand, and page by page which wallets are behind, and why."""
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, query.program)
        this = f"sync of {call.program(opened).template.program.program.code}"
        after = begins_after(call, query, this)
        found = drift_of_program(tx, opened.id, after=int(after or 0), most=query.limit + 1, now=call.now)
    tally = found.tally
    return ProgramSync(
        cards=tally.cards,
        cards_in_step=tally.cards - tally.cards_behind,
        wallets=tally.wallets,
        unsent=tally.unsent,
        unfetched=tally.unfetched,
        data=tuple(_wallet(late) for _, late in found.late[: query.limit]),
        next=cursor(call, this, found.late, query, lambda last: last[0]),
    )


def _wallet(late: Late) -> Wallet:
    wallet = late.wallet
    shown = wallet.fetched if wallet.platform == "apple" else wallet.sent
    return Wallet(
        serial_number=wallet.serial_number,
        platform=wallet.platform,
        device=wallet.device,
        revision=wallet.revision,
        wanted=wallet.wanted,
        sent=wallet.sent,
        shown=shown,
        in_step=wallet.removed_at is None and shown >= wallet.revision,
        sent_at=wallet.sent_at,
        installed_at=wallet.installed_at,
        removed_at=wallet.removed_at,
        why=late.why,
    )

"""The one family of errors, each named as a fact; only `web/` turns them into status codes."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong, where it is, and what to do about it.

    `place` names a file or a part ("pass.toml", "certificate"); `key` the place inside it ("secondary[1].label").
    """

    place: str
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.place}: {self.key}" if self.key else self.place
        return f"{where}: {self.message}"


class WalletError(Exception):
    """Never raised itself: catch it to catch everything that wallet_service refuses on purpose."""


class FaultsError(WalletError):
    """Never raised itself: an error that names every fault it found, not only the first."""

    def __init__(self, what: str, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(faults))
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"{what}\n{lines}")


class TemplateRefused(FaultsError):
    """A folder of `pass_templates/` cannot be used as it stands; nothing of it was loaded."""


class PassRefused(FaultsError):
    """A pass was not signed, because a phone would refuse it without saying why."""


class IdentityRefused(FaultsError):
    """The signing certificate, key or intermediate cannot sign passes that a phone accepts."""


class SettingsRefused(FaultsError):
    """The settings are incomplete or contradict each other."""


class EventRefused(FaultsError):
    """An event arrived in good order but says something that cannot be entered; nothing was stored."""


class SignatureRefused(WalletError):
    """A webhook is not signed by its source; the reason is for our log, never for the sender."""


class CallbackRefused(WalletError):
    """A wallet vendor's callback is not its own, not for us, or too late; the reason is for our log alone."""


class CallbackUndecided(CallbackRefused):
    """No key could be had to judge a callback by: it may be genuine, and is worth being sent again."""


class EventConflict(WalletError):
    """An event id was used again for other content."""

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        super().__init__(
            f"Event {event_id} was already received with other content. Send a changed event under a new id."
        )


class UnknownSource(WalletError):
    """No source of that name and dialect is connected."""


class UnknownOrder(WalletError):
    """No order of that id is known, or the link to it is not its own; which of the two is not said."""

    def __init__(self, order: str) -> None:
        self.order = order
        super().__init__("No order answers to this link.")


class OrderClaimedBefore(WalletError):
    """An order belongs to a member already."""

    def __init__(self, order: str) -> None:
        self.order = order
        super().__init__("The order is a member's already.")


class UnknownDelivery(WalletError):
    """Nothing was delivered under that id, or it was and its body is no longer kept."""

    def __init__(self, delivery: str, *, kept: bool = False) -> None:
        self.delivery = delivery
        why = "is no longer kept as it came" if kept else "is not known; see `wallet-service inbound list`"
        super().__init__(f"The delivery {delivery} {why}.")


class UnknownMember(WalletError):
    """The event names a member or card that this programme does not have."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        super().__init__(f"{customer} is not a member of this programme. Send member.enrolled first.")


class UnknownCard(WalletError):
    """No card answers to that serial number, or the token is not the card's own; which of the two is not said."""

    def __init__(self) -> None:
        super().__init__("No card answers to that serial number and token.")


class CardNotOffered(WalletError):
    """The vendor who holds a kind of cards has not taken this one, so its holder cannot be sent there yet."""


class VendorSilent(WalletError):
    """A vendor did not say what it holds."""


class WalletNotServed(WalletError):
    """The service is not set up for this kind of wallet."""


class CardVoid(WalletError):
    """The card was revoked; no wallet takes it any more."""

    def __init__(self) -> None:
        super().__init__("This card is no longer valid.")


class UnknownTemplate(WalletError):
    """No template of that name is loaded."""


class UnknownLanguage(WalletError):
    """The terms of a programme are not told in that language."""

    def __init__(self, language: str, known: Iterable[str]) -> None:
        super().__init__(f"The terms are not told in {language!r}; they are in {', '.join(known)}.")


class ProgramTaken(WalletError):
    """A template names a programme that belongs to another template, or to another merchant."""

    def __init__(self, code: str, template: str) -> None:
        self.code = code
        self.template = template
        super().__init__(
            f"The programme {code} is another merchant's, or belongs to the template {template!r}. Give yours its own "
            f"code in program.toml."
        )


class UnknownMerchant(WalletError):
    """No merchant has that code."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"There is no merchant {code!r}. See `wallet-service merchant list`.")


class KeyRefused(WalletError):
    """A request brings no key that opens anything; the reason is for our log, never for the sender."""


class UnknownKey(WalletError):
    """No key has that id."""

    def __init__(self, public_id: str) -> None:
        super().__init__(f"There is no key {public_id!r}. See `wallet-service key list`.")


class ScopeMissing(WalletError):
    """A key may not do what is asked for."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This key may not do that. Use one with the scope {scope}.")


class TooManyRequests(WalletError):
    """A key has sent more requests than it may; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"This key has sent all requests that it may for now. Try again in {retry_after} s.")


class RequestRefused(FaultsError):
    """A request arrived in good order but says something that cannot be done; nothing was stored."""


class VersionChanged(WalletError):
    """Something is not any more as it was when whoever wants to change it looked at it."""

    def __init__(self) -> None:
        super().__init__("It has changed since you looked. Look again, and send the new ETag, if you still mean it.")


class IdentityTaken(WalletError):
    """An address is already that of another member of the programme, whose id of ours is `member_id`."""

    def __init__(self, identity: str, member_id: str) -> None:
        self.identity = identity
        self.member_id = member_id
        super().__init__(
            f"Another member is known by this {identity}. If they are one person, merge them; if not, leave it out."
        )


class IdempotencyKeyMissing(WalletError):
    """A request that changes something comes without the key under which it can be repeated."""

    def __init__(self) -> None:
        super().__init__(
            "Send a new Idempotency-Key with everything that changes something, such as a UUID. When no answer comes, "
            "send the same request with the same key again: it is done once."
        )


class UnknownProgram(WalletError):
    """No programme of that code has been opened."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"There is no programme {code!r}.")


class ProgramNotNamed(WalletError):
    """A programme must be named, because there is not exactly one that could be meant."""

    def __init__(self, known: int) -> None:
        super().__init__(f"There are {known} programmes; name the one that is meant in `program`.")


class DatabaseUnusable(WalletError):
    """The database cannot be reached, started or used at this version of its tables."""


class InsufficientBalance(WalletError):
    """More points are needed than the member can spend."""

    def __init__(self, *, needed: int, available: int) -> None:
        self.needed = needed
        self.available = available
        super().__init__(f"{needed} points are needed and {available} can be spent.")


class HoldResolved(WalletError):
    """A hold was captured, voided or timed out before, or holds less than is asked of it."""


class OperationRefused(FaultsError):
    """An operation is asked for in a way that cannot be done; nothing was stored."""


class OperationConflict(WalletError):
    """An idempotency key was used again for another operation."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The key {key} was already used for another operation. Use a new key for a new operation.")


class UnknownHold(WalletError):
    """No hold of that id belongs to the programme."""

    def __init__(self, hold: str) -> None:
        self.hold = hold
        super().__init__(f"There is no hold {hold}.")


class UnknownReward(WalletError):
    """The programme has no reward of that code."""

    def __init__(self, reward: str) -> None:
        self.reward = reward
        super().__init__(f"The programme has no reward {reward!r}.")


class UnknownRedemption(WalletError):
    """No redemption of that id, and none with that code, belongs to the programme."""

    def __init__(self) -> None:
        super().__init__("No redemption has that id or code.")


class RewardUnavailable(WalletError):
    """A member cannot have a reward now; `whys` are all reasons, each with its stable name in `reason`."""

    def __init__(self, reward: str, whys: Iterable[object]) -> None:
        self.reward = reward
        self.whys = tuple(whys)
        super().__init__(f"{reward} cannot be had: {'; '.join(str(each) for each in self.whys)}.")


class CodeRefused(WalletError):
    """What was redeemed cannot be used here and now.

    `reason` is one of `already_used`, `cancelled`, `expired`, `refunded`, `wrong_product`, `wrong_partner`.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"This cannot be used: {reason.replace('_', ' ')}.")


class RedemptionOver(WalletError):
    """A redemption has come to its end in another way, or cannot be taken back any more."""


class UnknownTier(WalletError):
    """The programme has no tier of that code."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        super().__init__(f"The programme has no tier {tier!r}.")


class SameMember(WalletError):
    """Two members are needed, and one was named twice."""

    def __init__(self) -> None:
        super().__init__("Both are one and the same member.")


class ReceiptRefused(WalletError):
    """A receipt proves nothing: it is none, it does not lead to its head, or the head is not signed by the key."""


class NotSealed(WalletError):
    """No seal covers the transaction yet, or there is no such transaction."""


class RightsRefused(WalletError):
    """A database role cannot be kept from changing the ledger, or there is no such role."""


class UnknownExperiment(WalletError):
    """The programme has no experiment of that code."""

    def __init__(self, code: str, known: Iterable[str]) -> None:
        self.code = code
        super().__init__(f"There is no experiment {code!r} in the programme; there are: {', '.join(known) or 'none'}.")


class UnknownMetric(WalletError):
    """Arms cannot be compared by that word; only commands ask for it."""

    def __init__(self, metric: str, known: Iterable[str]) -> None:
        super().__init__(
            f"Nothing is known of the metric {metric!r}; publish the rules with one of {', '.join(known)}."
        )


class SheetRefused(FaultsError):
    """A file of rows cannot be read, or has other columns than are known; nothing of it was done."""


class SheetTooLarge(WalletError):
    """A file of rows has more bytes than are taken."""

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(
            f"The file has more than {most // 2**20:,} MB; nothing of it was done. Send it in parts, or raise "
            f"WALLET_IMPORT_MEGABYTES."
        )


class UnknownJob(WalletError):
    """There is no job of that id."""

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(f"There is no job {job}. See `wallet-service job list`.")


class FileGone(WalletError):
    """A job has no file: it has not made it yet, it makes none, or it is no longer kept."""

    def __init__(self, job: str) -> None:
        super().__init__(f"{job} has no file: not yet, or no more. See how it stands, or ask for another export.")


class JobOver(WalletError):
    """A job has ended, and cannot be cancelled any more."""

    def __init__(self, job: str, state: str) -> None:
        self.job = job
        self.state = state
        super().__init__(f"The job {job} is {state}, and cannot be cancelled.")


class EndpointRefused(FaultsError):
    """A merchant's endpoint is described in a way that cannot be used; nothing was stored."""


class UnknownEndpoint(WalletError):
    """The merchant has no endpoint of that id."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        super().__init__(f"There is no endpoint {endpoint}. See `wallet-service webhook list`.")


class UnknownMessage(WalletError):
    """No message of that id is kept that could be sent again: it is still to be sent, or was deleted."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(f"There is no message {message} that was sent or given up.")


class UnknownLink(WalletError):
    """This is no link of ours: nobody here made it, or something of it was changed or lost on the way."""

    def __init__(self) -> None:
        super().__init__("This is no link that was made here.")


class LinkOver(WalletError):
    """A link does not work any more; `reason` is one of `expired`, `used_up`, `revoked`, `gone` (its member left)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"This link does not work any more: {reason.replace('_', ' ')}.")


class LinkRefused(FaultsError):
    """A link or campaign cannot be made as it is asked for; nothing was made."""


class UnknownCampaign(WalletError):
    """The merchant has no campaign of links with that code."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"There is no campaign {code!r}. See `wallet-service campaign list`.")


class CampaignTaken(WalletError):
    """The merchant has a campaign of links with that code already."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"There is a campaign {code!r} already. Choose another code.")


class LetterRefused(FaultsError):
    """A letter cannot be written as it is asked for; nothing was written."""


class MailNotSetUp(WalletError):
    """The service cannot send e-mail, or short messages, because nobody has told it how."""


class PosterRefused(FaultsError):
    """A QR code or poster cannot be drawn as it is asked for, or nobody could read it."""

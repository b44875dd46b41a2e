"""Ask a vendor what it holds, compare it with what the cards say, and have whatever differs sent again."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from wallet_service.domain.errors import VendorSilent
from wallet_service.domain.face import Face
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.push import ENOUGH_TO_SUSPECT
from wallet_service.domain.shelf import HeldCard, Shelf
from wallet_service.storage import holdings, members, pass_classes
from wallet_service.storage.holdings import Holding
from wallet_service.storage.members import Found
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.tell import tell_of_card

PAGE = 200
SAMPLE = 5
LOST = "the vendor did not hold it any more"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was not as it should be, in plain words; `mended` says that it was put right or is on its way."""

    target: str
    text: str
    mended: bool


@dataclass(frozen=True)
class Comparison:
    """One look at a vendor: `mend` it, or only look. Every method raises `VendorSilent` if it cannot be asked."""

    shelf: Shelf
    in_force: InForce
    begin: Callable[[], AbstractContextManager[Connection]]
    clock: Callable[[], datetime]
    mend: bool
    _seen: set[int] = field(default_factory=set)

    def classes(self, drawn: Iterable[PassClass]) -> Iterator[Finding]:
        """Compare the classes that should be held, and yield what differs."""
        known = self._known()
        for each in drawn:
            here = known.get(each.target)
            if here is None or not here.in_step or here.wanted != each.digest:
                continue  # not wanted, on its way, or to be published first: not the vendor's doing
            wrong = self.shelf.class_differences(each)
            if wrong == []:
                continue
            if self.mend:
                with self.begin() as tx:
                    pass_classes.forget(tx, each.platform, each.target, now=self.clock())
            what = "the class is missing" if wrong is None else f"the class differs in {', '.join(wrong)}"
            yield Finding(each.target, what, self.mend)

    def wanted(self, drawn: Iterable[PassClass]) -> list[PassClass]:
        """Return those of the classes that were ever wanted there; of others no card was made."""
        known = self._known()
        return [each for each in drawn if each.target in known]

    def cards(self, drawn: Iterable[PassClass]) -> Iterator[Finding | int]:
        """Compare all cards of these classes; yield what differs, and after each page how many cards it had."""
        for each in drawn:
            began, before = self.clock(), len(self._seen)
            held = self.shelf.cards(each)
            while page := list(islice(held, PAGE)):
                yield from self._page(page, began)
                yield len(page)
            yield from self._missing(each, began, seen=len(self._seen) - before)

    def _known(self) -> dict[str, pass_classes.Held]:
        with self.begin() as tx:
            return {each.target: each for each in pass_classes.every(tx) if each.platform == self.shelf.platform}

    def _page(self, page: list[HeldCard], looked_at: datetime) -> Iterator[Finding]:
        now, findings = self.clock(), []
        with self.begin() as tx:
            targets = [each.target for each in page]
            known = holdings.by_target(tx, self.shelf.platform, targets, now=now, hold=self.mend)
            cards = members.find_by_cards(tx, [each.card_id for each in known.values()])
            unsaved = [each for each in page if not each.installed and _is_installed(known.get(each.target))]
            if len(unsaved) >= ENOUGH_TO_SUSPECT and 2 * len(unsaved) > len(page):
                raise VendorSilent(f"Of {len(page)} cards {len(unsaved)} have no holder, which cannot be believed.")
            for each in page:
                holding = known.get(each.target)
                if holding is None:
                    findings.append(Finding(each.target, "the vendor holds a card that is not ours", mended=False))
                    continue
                self._seen.add(holding.wallet_id)
                findings += self._holder(tx, holding, each, looked_at)
                findings += self._content(tx, holding, each, cards[holding.card_id], looked_at)
        yield from findings

    def _holder(self, tx: Connection, holding: Holding, held: HeldCard, looked_at: datetime) -> list[Finding]:
        """Believe the vendor about who has saved the card, where its message was lost."""
        if held.installed == holding.installed:
            return []
        text = "somebody has saved the card" if held.installed else "nobody has the card any more"
        now = self.clock()
        if self.mend and not holdings.seen(tx, holding, saved=held.installed, looked_at=looked_at, now=now):
            return []  # the message has come meanwhile
        if self.mend:
            kind = "pass.added" if held.installed else "pass.removed"
            tell_of_card(tx, [holding.card_id], kind, {"wallet": self.shelf.platform}, now=now)
        return [Finding(held.target, f"{text}, and we were not told", self.mend)]

    def _content(
        self, tx: Connection, holding: Holding, held: HeldCard, found: Found, looked_at: datetime
    ) -> list[Finding]:
        """Compare what the card shows, unless a change is on its way or went out since, or nobody has it any more."""
        if holding.sent_at and holding.sent_at > looked_at:
            return []
        card = found.member.card
        settled = holding.sent == holding.wanted == card.revision
        if not self.in_force.knows(found) or holding.leased or holding.removed or not settled:
            return []
        template = self.in_force.of_card(found)
        face = template.draw(found.member.standing, found.member.locale)
        if not _is_published(face, found):
            return []
        wrong = self.shelf.differences(template, face, card, held)
        if not wrong:
            return []
        reason = f"the card differs in {', '.join(wrong)}"
        mended = self.mend and holdings.again(tx, holding, reason=reason, now=self.clock())
        return [Finding(held.target, reason, mended)]

    def _missing(self, drawn: PassClass, began: datetime, *, seen: int) -> Iterator[Finding]:
        """Yield the cards that the vendor took and did not show.

        Most of them together are a fault of the asking, unless it says so of some of them one by one.
        """
        missing = [each for each in self._should_be(drawn, began) if each.wallet_id not in self._seen]
        suspicious = len(missing) >= ENOUGH_TO_SUSPECT and len(missing) > seen
        if suspicious and any(self.shelf.holds(each.target) for each in missing[:SAMPLE]):
            raise VendorSilent(f"Of {drawn.target} {len(missing):,} cards are missing, which cannot be believed.")
        while group := missing[:PAGE]:
            missing = missing[PAGE:]
            now = self.clock()
            with self.begin() as tx:
                lost = [each for each in group if not self.mend or holdings.again(tx, each, reason=LOST, now=now)]
            for each in lost:
                yield Finding(each.target, "the card is missing", self.mend)

    def _should_be(self, drawn: PassClass, since: datetime) -> Iterator[Holding]:
        after = 0
        while True:
            with self.begin() as tx:
                page = holdings.should_be_held(tx, drawn, since=since, after=after, most=PAGE)
            if not page:
                return
            yield from page
            after = page[-1].wallet_id


def _is_installed(holding: Holding | None) -> bool:
    return holding is not None and holding.installed


def _is_published(face: Face, found: Found) -> bool:
    """Whether the card was drawn like this before; else its template has changed and is not published yet."""
    if found.member.own_digest is None:  # older than the digest of the member's own part
        return face.digest() == found.member.face_digest
    return face.own_digest() == found.member.own_digest

"""Ask a vendor what it holds, compare it with what the cards say, and have whatever differs sent again."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.shelf import HeldCard, Shelf
from wallet_service.domain.template import Template
from wallet_service.storage import holdings, members, pass_classes
from wallet_service.storage.holdings import Holding
from wallet_service.storage.members import Found

PAGE = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was not as it should be, in plain words; `mended` says that it was put right or is on its way."""

    target: str
    text: str
    mended: bool


@dataclass(frozen=True)
class Comparison:
    """One look at a vendor: `mend` it, or only look."""

    shelf: Shelf
    templates: dict[str, Template]
    begin: Callable[[], AbstractContextManager[Connection]]
    clock: Callable[[], datetime]
    mend: bool

    def classes(self, drawn: Iterable[PassClass]) -> Iterator[Finding]:
        """Compare the classes that should be held, and yield what differs.

        Raises `VendorSilent`, here and in `cards`.
        """
        with self.begin() as tx:
            known = {each.target: each for each in pass_classes.every(tx) if each.platform == self.shelf.platform}
        for each in drawn:
            here = known.get(each.target)
            if here is None or not here.in_step or here.wanted != each.digest:
                continue  # not wanted, on its way, or to be published first: not the vendor's doing
            wrong = self.shelf.class_differences(each)
            if wrong == []:
                continue
            what = "the class is missing" if wrong is None else f"the class differs in {', '.join(wrong)}"
            if self.mend:
                with self.begin() as tx:
                    pass_classes.forget(tx, each.platform, each.target, now=self.clock())
            yield Finding(each.target, what, self.mend)

    def cards(self, drawn: Iterable[PassClass]) -> Iterator[Finding | int]:
        """Compare all cards of these classes; yield what differs, and after each page the number of cards in it."""
        began = self.clock()
        for each in drawn:
            held = self.shelf.cards(each)
            while page := list(islice(held, PAGE)):
                yield from self._page(page)
                yield len(page)
        with self.begin() as tx:
            missing = holdings.unseen(tx, self.shelf.platform, since=began) if self.mend else []
            lost = [each for each in missing if holdings.again(tx, each, reason="it was missing", now=self.clock())]
        for gone in lost:
            yield Finding(gone.target, "the card is missing", mended=True)

    def _page(self, page: list[HeldCard]) -> Iterator[Finding]:
        now = self.clock()
        with self.begin() as tx:
            known = holdings.by_target(tx, self.shelf.platform, [each.target for each in page], now=now)
            cards = members.find_by_cards(tx, [each.card_id for each in known.values()])
            findings = []
            for each in page:
                holding = known.get(each.target)
                if holding is None:
                    findings.append(Finding(each.target, "the vendor holds a card that is not ours", mended=False))
                    continue
                findings += self._holder(tx, holding, each, now)
                findings += self._content(tx, holding, each, cards[holding.card_id], now)
            if self.mend:
                holdings.compared(tx, [each.wallet_id for each in known.values()], now=now)
        yield from findings

    def _holder(self, tx: Connection, holding: Holding, held: HeldCard, now: datetime) -> list[Finding]:
        """Believe the vendor about who has saved the card, where its message was lost."""
        if held.installed == holding.installed:
            return []
        if self.mend:
            holdings.heard(tx, platform=self.shelf.platform, target=held.target, saved=held.installed, now=now)
        text = "somebody has saved the card" if held.installed else "nobody has the card any more"
        return [Finding(held.target, f"{text}, and we were not told", self.mend)]

    def _content(self, tx: Connection, holding: Holding, held: HeldCard, found: Found, now: datetime) -> list[Finding]:
        """Compare what the card shows, unless a change of it is on its way."""
        template = self.templates.get(found.template)
        card = found.member.card
        if template is None or holding.leased or not holding.sent == holding.wanted == card.revision:
            return []
        face = template.draw(found.member.standing, found.member.locale)
        if face.own_digest() != found.member.own_digest:
            return []  # the template has changed and is not published yet
        wrong = self.shelf.differences(template, face, card, held)
        if not wrong:
            return []
        reason = f"the card differs in {', '.join(wrong)}"
        mended = self.mend and holdings.again(tx, holding, reason=reason, now=now)
        return [Finding(held.target, reason, mended)]

"""One request to the API as its function sees it: who asks, when, under which key, and with what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import ETags

from wallet_service.domain.api_key import Caller
from wallet_service.usecases.enter import Entering, enter
from wallet_service.usecases.once import Asking, once
from wallet_service.usecases.operate import OpenProgram, Operated, Operation, operate
from wallet_service.wiring import Opened, Service

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a caller who may ask it. `key` is empty where nothing changes; `content` is all that is asked.

    `if_match` are the versions of which it is meant, where the caller names any; `accepted` is the type of the answer.
    """

    service: Service
    caller: Caller
    now: datetime
    key: str
    content: Mapping[str, Any]
    if_match: ETags
    accepted: str

    @property
    def merchant_id(self) -> int:
        """Whose programmes the caller reaches."""
        return self.caller.merchant_id

    def program(self, opened: Opened) -> OpenProgram:
        """Return a programme as operations need it."""
        return OpenProgram(opened.id, self.service.in_force.of_program(opened), self.service.vault)

    def do(self, opened: Opened, kind: str, act: Callable[[Operation], "DataclassInstance"]) -> Operated:
        """Do an operation in a programme, once for the call's key; raises what `operate` does."""
        return operate(
            self.service.begin,
            program=self.program(opened),
            key=self.key,
            kind=kind,
            content=self.content,
            actor=self.caller.public_id,
            now=self.now,
            act=act,
        )

    def asking(self, kind: str, **more: Any) -> Asking:
        """Return what is asked for that belongs to no programme; `more` is what a repeat has to be like besides."""
        content = {**self.content, **more}
        return Asking(self.merchant_id, self.key, kind, content, self.caller.public_id, self.now)

    def once(self, kind: str, act: Callable[[Any], "DataclassInstance"]) -> Operated:
        """Do what belongs to no programme, once for the call's key; raises what `once` does."""
        return once(self.service.begin, self.asking(kind), vault=self.service.vault, act=act)

    def enter(
        self, opened: Opened, entering: Entering, *, kind: str, content: Mapping[str, Any] | None = None
    ) -> Operated:
        """Enter an event in a programme, once for the call's key; raises what `enter` does.

        `content` is what a repeat has to be like, where that is not the whole request.
        """
        return enter(
            self.service.begin,
            entering,
            program=self.program(opened),
            key=self.key,
            kind=kind,
            content=self.content if content is None else content,
            actor=self.caller.public_id,
            pass_type_identifier=self.service.identity.pass_type_identifier,
            now=self.now,
        )

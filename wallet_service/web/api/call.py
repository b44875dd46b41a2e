"""One request to the API as its function sees it: who asks, when, under which key, and with what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wallet_service.domain.api_key import Caller
from wallet_service.usecases.operate import OpenProgram, Operated, Operation, operate
from wallet_service.wiring import Opened, Service

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a caller who may ask it. `key` is empty where nothing changes; `content` is all that is asked."""

    service: Service
    caller: Caller
    now: datetime
    key: str
    content: Mapping[str, Any]

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

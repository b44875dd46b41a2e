"""Lays letters into a folder, one `.eml` file each: what a sandbox without a mail server does, to be looked at."""

from datetime import datetime
from pathlib import Path

import structlog

from wallet_service.domain.letters import Mail, Outcome
from wallet_service.mail.message import draw, message_id

log = structlog.get_logger(__name__)


class MailFolder:
    """Carries letters no further than a folder of this machine, where mail programs open them."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    def send(self, mail: Mail, *, at: datetime) -> Outcome:
        """Lay a letter down, readable by its owner alone, and log the file's name."""
        path = self._folder / f"{at:%Y%m%d-%H%M%S}-{mail.letter.kind}-{mail.id}.eml"
        content = draw(mail, sender=self._sender, at=at).as_bytes()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)
        except OSError as error:
            return Outcome("away", f"cannot be written: {type(error).__name__}")
        log.info("letter.laid_down", letter=mail.id, file=str(path))
        return Outcome("sent", message_id=message_id(mail, self._sender))

    def close(self) -> None:
        """There is nothing to let go of."""

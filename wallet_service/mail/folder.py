"""Lays letters into a folder, a file each: what a sandbox does that has nobody to carry them, to be looked at."""

from datetime import datetime
from pathlib import Path

import structlog

from wallet_service.domain.letters import Mail, Outcome
from wallet_service.mail.message import draw, message_id

log = structlog.get_logger(__name__)


class MailFolder:
    """Carries letters no further than a folder: as `.eml`, which mail programs open, and short messages as `.txt`."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    def send(self, mail: Mail, *, at: datetime) -> Outcome:
        """Lay a letter down, readable by its owner alone, and log the file's name."""
        short = mail.letter.channel == "sms"
        path = self._folder / f"{at:%Y%m%d-%H%M%S}-{mail.letter.kind}-{mail.id}.{'txt' if short else 'eml'}"
        content = _message(mail) if short else draw(mail, sender=self._sender, at=at).as_bytes()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)
        except OSError as error:
            return Outcome("away", f"cannot be written: {type(error).__name__}")
        log.info("letter.laid_down", letter=mail.id, file=str(path))
        return Outcome("sent", message_id=None if short else message_id(mail, self._sender))

    def close(self) -> None:
        """There is nothing to let go of."""


def _message(mail: Mail) -> bytes:
    return f"To: {mail.to}\n\n{mail.letter.message}\n".encode()

"""A member is looked for by what a person is known by."""

from sqlalchemy import Connection

from wallet_service.domain.identity import Identity
from wallet_service.storage import identities, members, programs
from wallet_service.storage.vault import Vault


def find_by_identity(tx: Connection, vault: Vault, program_code: str, known: Identity) -> str | None:
    """Return our id of the member of a programme who is known by this; None if nobody is."""
    opened = programs.find(tx, program_code)
    if opened is None:
        return None
    named = identities.owner(tx, opened.id, identities.marks_of(vault, [known]))
    found = members.find(tx, opened.id, named) if named else None
    return found.public_id if found else None

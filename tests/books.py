"""The books looked through, for whatever test has filled them."""

from wallet_service.usecases import audit
from wallet_service.wiring import Service


def faults(service: Service) -> list[str]:
    """Return everything that is wrong in books, projections and cards, in words."""
    with service.read() as tx:
        found = [str(each) for each in audit.audit(tx, service.in_force, most=99).differences]
    found += map(str, audit.wrong_positions(service.begin, service.in_force, now=service.clock()))
    return found + list(audit.wrong_faces(service.begin, service.in_force))

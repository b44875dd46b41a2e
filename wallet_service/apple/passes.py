"""Signed passes of one pass type: drawn, checked, packed and remembered."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any, Generic, TypeVar

from wallet_service.apple import artwork, lint
from wallet_service.apple.identity import Identity
from wallet_service.apple.package import Bundle, SignedPass
from wallet_service.apple.pass_json import draw, to_json
from wallet_service.apple.signature import Signer
from wallet_service.domain.card import Card
from wallet_service.domain.errors import Fault, IdentityRefused, PassRefused
from wallet_service.domain.face import Face

MEBIBYTE = 2**20
BUNDLE_BYTES = 256 * MEBIBYTE
# What Python needs for one remembered pass besides its bytes.
OVERHEAD_BYTES = 512

T = TypeVar("T")


class ApplePasses:
    """Makes the .pkpass of any card of one identity; safe to share between threads."""

    def __init__(
        self,
        identity: Identity,
        *,
        web_service_url: str | None,
        allow_http: bool = False,
        cache_bytes: int = 64 * MEBIBYTE,
    ) -> None:
        """Prepare to sign.

        `web_service_url` is where phones fetch updates, None for passes that never change; `allow_http` permits it to
        be without TLS. At most `cache_bytes` of passes are kept, besides the bundles that they share.

        Raises:
            IdentityRefused: when the installed `cryptography` signs in a shape not known here.
        """
        self.identity = identity
        self._web_service_url = web_service_url
        self._allow_http = allow_http
        self._signer = Signer(identity)
        self._preparing = Lock()
        self._bundles: _Memory[Bundle] = _Memory(BUNDLE_BYTES, weigh=lambda bundle: bundle.size)
        self._passes: _Memory[SignedPass] = _Memory(cache_bytes, weigh=lambda signed: len(signed.tail) + OVERHEAD_BYTES)

    def bundle(self, key: Hashable, art: Mapping[str, bytes]) -> Bundle:
        """Return the prepared images of `art`, made at the first call with `key` (template, version, language).

        Raises:
            PassRefused: when an image cannot be read.
        """
        known = self._bundles.get(key)
        if known is not None:
            return known
        with self._preparing:
            known = self._bundles.get(key) or Bundle(artwork.images(art))
            self._bundles.put(key, known)
            return known

    def make(self, face: Face, card: Card, *, art_key: Hashable, art: Mapping[str, bytes], at: datetime) -> SignedPass:
        """Return the package of a card's revision, signed `at` or earlier: a revision is signed once and remembered.

        Raises:
            PassRefused: when phones would refuse it, with every fault.
            IdentityRefused: when it must be signed and the certificate is not valid `at` that time.
        """
        key = (card.serial_number, card.revision, art_key, self.identity.fingerprint, self._web_service_url)
        known = self._passes.get(key)
        if known is not None:
            return known
        drawn = draw(face, card, team_identifier=self.identity.team_identifier, web_service_url=self._web_service_url)
        signed = self.sign(drawn, bundle=self.bundle(art_key, art), at=at)
        self._passes.put(key, signed)
        return signed

    def sign(self, pass_json: dict[str, Any], *, bundle: Bundle, at: datetime) -> SignedPass:
        """Return the package of a pass.json that was made elsewhere; it is checked alike, and not remembered.

        Raises:
            PassRefused: when phones would refuse it, with every fault.
            IdentityRefused: when the certificate is not valid `at` that time.
        """
        self._check_validity(at)
        faults = lint.faults(pass_json, files=bundle.names, identity=self.identity, allow_http=self._allow_http)
        if faults:
            raise PassRefused("The pass was not signed:", faults)
        return bundle.seal(to_json(pass_json), self._signer, at)

    def faults(self, face: Face, card: Card, *, art: Iterable[str]) -> list[Fault]:
        """Return what phones would refuse of a card with that face and pictures of these names; draws none of them."""
        drawn = draw(face, card, team_identifier=self.identity.team_identifier, web_service_url=self._web_service_url)
        names = artwork.names(art)
        return lint.faults(drawn, files=names, identity=self.identity, allow_http=self._allow_http)

    def _check_validity(self, at: datetime) -> None:
        if not self.identity.not_before <= at < self.identity.not_after:
            message = (
                f"is valid from {self.identity.not_before:%Y-%m-%d} to {self.identity.not_after:%Y-%m-%d}, "
                f"not on {at:%Y-%m-%d}. Create a new one for the same pass type."
            )
            raise IdentityRefused("The pass was not signed:", [Fault("certificate", "", message)])


class _Memory(Generic[T]):
    """The values used last, bounded by their weight in bytes; safe to share between threads."""

    def __init__(self, most: int, *, weigh: Callable[[T], int]) -> None:
        self._most = most
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> T | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Hashable, value: T) -> None:
        with self._lock:
            replaced = self._values.pop(key, None)
            if replaced is not None:
                self._weight -= self._weigh(replaced)
            self._values[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._most:
                _, oldest = self._values.popitem(last=False)
                self._weight -= self._weigh(oldest)

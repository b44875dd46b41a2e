"""The detached CMS signature over a manifest, made from prepared bytes."""

import hashlib
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import pkcs7

from wallet_service.apple.identity import Identity
from wallet_service.domain.errors import Fault, IdentityRefused

# Without Binary the library signs the manifest with its line ends changed, and the phone refuses it.
OPTIONS = (pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities)
# SEQUENCE { contentType, SET { data } }, the first of the signed attributes in DER's order
CONTENT_TYPE = bytes.fromhex("301806092a864886f70d010903310b06092a864886f70d010701")
# SEQUENCE { signingTime, SET { UTCTime of 13 bytes
SIGNING_TIME = bytes.fromhex("301c06092a864886f70d010905310f170d")
TIME_BYTES = 13
DIGEST_BYTES = 32
FIRST_SAMPLE, SECOND_SAMPLE = b'{"a":\n"first"}', b'{"a":\n"second"}'


class Signer:
    """Signs manifests with one identity; safe to share between threads.

    The bytes around digest, time and signature are the same for every manifest, so they are taken once from a
    signature made by `cryptography`, and a second one proves that nothing else differs (RFC 5652, section 5).
    What is signed and how: https://developer.apple.com/documentation/walletpasses/building-a-pass
    """

    def __init__(self, identity: Identity) -> None:
        """Prepare the bytes.

        Raises:
            IdentityRefused: when the installed `cryptography` builds signatures of a shape not known here.
        """
        self._key = identity.key
        self._padding, self._hash = padding.PKCS1v15(), hashes.SHA256()
        sample = _signed_by_library(identity, FIRST_SAMPLE)
        signature_bytes = identity.key.key_size // 8
        start = sample.rfind(CONTENT_TYPE)
        time = sample.rfind(SIGNING_TIME) + len(SIGNING_TIME)
        digest = sample.rfind(hashlib.sha256(FIRST_SAMPLE).digest())
        self._head = sample[:start]
        self._before_time = sample[start:time]
        self._before_digest = sample[time + TIME_BYTES : digest]
        self._before_signature = sample[digest + DIGEST_BYTES : -signature_bytes]
        # The signature covers the attributes under the tag of a SET; the message holds them under [0].
        self._set = b"\x31" + sample[start - 1 : start]
        second = _signed_by_library(identity, SECOND_SAMPLE)
        if self._signed(SECOND_SAMPLE, second[time : time + TIME_BYTES]) != second:
            message = "signs in a shape that is not known here. Install a version that wallet_service was tested with."
            raise IdentityRefused("The signing identity cannot be used:", [Fault("cryptography", "", message)])

    def sign(self, manifest: bytes, at: datetime) -> bytes:
        """Return the DER of a detached signature over `manifest`, said to be made `at`.

        Raises:
            ValueError: when `at` is naive or outside 1950 to 2049, which the form of the signing time cannot say.
        """
        return self._signed(manifest, _utc_time(at))

    def _signed(self, manifest: bytes, time: bytes) -> bytes:
        digest = hashlib.sha256(manifest).digest()
        attributes = self._before_time + time + self._before_digest + digest
        signature = self._key.sign(self._set + attributes, self._padding, self._hash)
        return b"".join((self._head, attributes, self._before_signature, signature))


def _utc_time(at: datetime) -> bytes:
    if at.tzinfo is None:
        raise ValueError("The signing time is naive. Give an aware datetime.")
    utc = at.astimezone(UTC)
    if not 1950 <= utc.year <= 2049:
        raise ValueError(f"The signing time {utc:%Y-%m-%d} is outside 1950 to 2049. Check the clock.")
    return b"%02d%02d%02d%02d%02d%02dZ" % (utc.year % 100, utc.month, utc.day, utc.hour, utc.minute, utc.second)


def _signed_by_library(identity: Identity, manifest: bytes) -> bytes:
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(manifest)
        .add_signer(identity.certificate, identity.key, hashes.SHA256())
        .add_certificate(identity.wwdr)
        .sign(serialization.Encoding.DER, list(OPTIONS))
    )

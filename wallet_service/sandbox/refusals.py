"""Why the phone would not install a pass, in words that a person understands."""

from wallet_service.domain.errors import WalletError


class PassNotInstallable(WalletError):
    """Never raised itself: catch it to catch everything that makes an iPhone refuse a pass."""


class ArchiveUnreadable(PassNotInstallable):
    """The file is not a plain zip archive with the pass's files at its top."""


class ContentsAltered(PassNotInstallable):
    """The files are not exactly those that manifest.json lists."""


class SignatureInvalid(PassNotInstallable):
    """The signature is not one that a phone accepts over this manifest."""


class CertificateUntrusted(PassNotInstallable):
    """The signature is sound, but its certificates do not lead to the root or belong to another pass."""


class PassUnusable(PassNotInstallable):
    """Everything is signed, but pass.json or an image cannot be shown."""

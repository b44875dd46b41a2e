"""How the sandbox's Google refuses a request: the status, the reason and the words of the real one.

Source: https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes
"""

from typing import Any

from wallet_service.domain.errors import WalletError

REASONS = {
    400: "invalidResource",
    401: "authError",
    403: "permissionDenied",
    404: "resourceNotFound",
    409: "existingResource",
    413: "uploadTooLarge",
    429: "rateLimitExceeded",
}
OTHERWISE = "backendError"
NO_ACCESS = "Service account email address did not have edit access on the issuer."
NOT_A_TESTER = "User not allowed to save the pass"


class GoogleRefused(WalletError):
    """The sandbox's Wallet API refuses a request, with a status, a reason word and a sentence."""

    def __init__(self, status: int, message: str, *, reason: str = "") -> None:
        self.status = status
        self.reason = reason or REASONS.get(status, OTHERWISE)
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """Return the answer's body, in the shape of Google's."""
        entry = {"message": str(self), "domain": "walletobjects", "reason": self.reason}
        return {"error": {"code": self.status, "message": str(self), "errors": [entry]}}


class LinkNotSaved(WalletError):
    """A save link does not lead to a saved card; Google shows such details to developers only."""

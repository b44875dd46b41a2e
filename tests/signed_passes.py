"""Signed passes made with nothing of ours: the library's own signature builder and a plain zip."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from wallet_service.sandbox.chain import Chain


def signed_pass(chain: Chain, content: dict[str, Any], images: Mapping[str, bytes]) -> bytes:
    """Return a .pkpass with that pass.json and those images, signed by the chain's pass certificate."""
    files = {"pass.json": json.dumps(content).encode(), **images}
    files["manifest.json"] = json.dumps({name: hashlib.sha1(data).hexdigest() for name, data in files.items()}).encode()
    key = serialization.load_pem_private_key(chain.pass_key, None)
    files["signature"] = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(files["manifest.json"])
        .add_signer(x509.load_pem_x509_certificate(chain.pass_certificate), key, hashes.SHA256())  # type: ignore[arg-type]
        .add_certificate(x509.load_pem_x509_certificate(chain.wwdr))
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()

"""Make a throw-away certificate chain shaped like Apple's: `python certs_example/make_sandbox_chain.py [FOLDER]`.

No phone accepts what it signs. The sandbox phone, the sandbox push server and your own tests do.
"""

import argparse
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from wallet_service.sandbox.chain import Chain, make_chain

HERE = Path(__file__).resolve().parent
SETTINGS = {
    "WALLET_APPLE_CERTIFICATE": "pass_certificate",
    "WALLET_APPLE_KEY": "pass_key",
    "WALLET_APPLE_WWDR": "wwdr",
    "WALLET_APPLE_APNS_CA_FILE": "push_root",
}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the folder to write to and whether files there may be replaced."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("folder", type=Path, nargs="?", default=HERE / "sandbox", help="default: %(default)s")
    parser.add_argument("--force", action="store_true", help="replace the files of an earlier chain")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Write the chain, print its files and the settings that use them; return the exit code."""
    options = parse(arguments)
    paths = {part.name: options.folder / f"{part.name}.pem" for part in fields(Chain)}
    present = [path for path in paths.values() if path.exists()]
    if present and not options.force:
        print(f"{present[0]} is there already. Add --force to replace the chain in {options.folder}.", file=sys.stderr)
        return 1
    for path in present:
        path.unlink()  # a key file of other hands would keep its permissions if it were only overwritten
    make_chain(datetime.now(UTC)).write(options.folder)
    for path in paths.values():
        print(f"wrote {path}")
    print("\nTo sign with it:")
    for setting, part in SETTINGS.items():
        print(f"export {setting}={paths[part]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

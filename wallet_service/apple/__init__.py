"""Apple Wallet: pass.json, the signed package, the signing identity and push."""

"""Google Wallet: loyalty classes and objects drawn from a template and a face."""

"""`python -m wallet_service` is `wallet-service`."""

from wallet_service.cli import main

main()

"""Loyalty cards in Apple Wallet and Google Wallet that show what the ledger says."""

"""Merchants' webhook dialects: each verifies raw bytes, then normalises them to our events."""

"""One verb a file: each takes an open transaction, never commits and never sends."""

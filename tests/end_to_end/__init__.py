"""Tests of the whole service: a package, so that what they share ends with them, and not with the whole run."""

"""How fast the parts are, each measured beside its own limit."""

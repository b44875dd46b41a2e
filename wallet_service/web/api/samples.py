"""Ids as they stand in examples; tests put real ones in their place."""

MEMBER = "mem_7k3zq0p1v9x2c4d6f8h5"
EXTERNAL = "customer-1017"
HOLD = "hld_5b1c9e0a7d3f42861e0c"

"""What Apple would do, on this machine: a certificate chain, a push service and a phone."""

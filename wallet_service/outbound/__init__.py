"""Messages to merchants' endpoints: signed as Standard Webhooks, and carried only where we may go."""

"""The group of all commands: each is loaded when it is called, and refusals are told in words."""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from wallet_service.domain.errors import WalletError


class Commands(click.Group):
    """Finds commands in modules beside this one, and tells our own errors without a stack trace.

    `places` says for each command `module:name`. To load them all takes longer than most of them run.
    """

    def __init__(self, *, places: Mapping[str, str], **more: Any) -> None:
        super().__init__(**more)
        self.places = places

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(self.places)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in self.places:
            return None
        module, name = self.places[cmd_name].split(":")
        gc.disable()  # all that is made now is kept, and to look for garbage among it takes a seventh of the time
        try:
            found: click.Command = getattr(import_module(f"{__package__}.{module}"), name)
        finally:
            gc.enable()
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, and end with 1 and a message if it refuses."""
        try:
            return super().invoke(ctx)
        except WalletError as error:
            raise click.ClickException(str(error) or type(error).__name__) from error

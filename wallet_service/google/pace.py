"""Whose turn it is: Google admits some requests a second, for all workers together.

https://developers.google.com/wallet/generic/resources/faq
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

Pace = Callable[[], AbstractContextManager[None]]


class NoTurn(OSError):
    """No turn came, so nothing was sent; the cause says why."""


@contextmanager
def turn(pace: Pace) -> Iterator[None]:
    """Hold a turn around one request, from before it is sent until its answer is read or it failed.

    A turn that was given back as soon as the request is sent would let the slow answers pile up: held so, never more
    requests than there are turns are on their way, or were answered in the last second.

    Raises:
        NoTurn: when `pace` raises an OSError (such as TimeoutError) instead of giving one.
    """
    with ExitStack() as held:
        try:
            held.enter_context(pace())
        except OSError as error:
            raise NoTurn(type(error).__name__) from error
        yield

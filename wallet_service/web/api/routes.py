"""A route is declared once: what it does, who may ask for it, what it takes, answers and refuses."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from wallet_service.domain.api_key import Scope
from wallet_service.domain.errors import WalletError
from wallet_service.web.api.files import KINDS, PICTURES, Picture, Sheet
from wallet_service.web.api.model import Model

Part = Literal["path", "query", "body"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Act = TypeVar("Act", bound=Callable[..., Any])
Said = TypeVar("Said", bound=Model | Sheet)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Done(Generic[Said]):
    """The answer to a request that changes something; `replayed` says that it had been done before.

    `made` is false where what was asked for was there already.
    """

    said: Said
    replayed: bool
    made: bool = True


@dataclass(frozen=True)
class Example:
    """A request that can be sent as it stands, once its ids are ones that exist; tests send it.

    Where a body may be of several kinds, `bodies` has one of each.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    file: str | None = None


@dataclass(frozen=True)
class Route:
    """One method at one path, with the models that its function names in its signature.

    The function takes a `Call` and, by keyword, as many of `path`, `query` and `body` as it declares. It returns the
    model of its answer, a file of rows, either of these as the caller likes it, or a picture; that in a `Done` where
    something changes. Its docstring is the summary and the description.
    `etag` says that the answer has a version by which it need not be sent again, or that what is to be changed has one
    which the request may name. `looks` says of a method with a body that nothing changes. `status_found` is answered in
    place of `status` where nothing had to be made.
    """

    method: Method
    path: str
    resource: str
    scope: Scope
    status: int
    problems: tuple[type[WalletError], ...]
    example: Example
    etag: bool
    act: Callable[..., Any]
    looks: bool = False
    status_found: int | None = None

    @property
    def name(self) -> str:
        """What the operation is called."""
        return self.act.__name__

    @property
    def writes(self) -> bool:
        """Whether the route changes something, so that it needs an idempotency key."""
        return self.method != "GET" and not self.looks

    @property
    def summary(self) -> str:
        """The first line of what is said of it."""
        return self._said[0].strip()

    @property
    def description(self) -> str:
        """What else is said of it."""
        return "\n\n".join(" ".join(each.split()) for each in self._said[1].strip().split("\n\n"))

    @property
    def _said(self) -> tuple[str, str]:
        first, _, rest = (inspect.getdoc(self.act) or "").partition("\n")
        return first, rest

    @property
    def takes_file(self) -> bool:
        """Whether the body is a file of rows, which the function takes as `file`."""
        return "file" in get_type_hints(self.act)

    @property
    def gives_file(self) -> bool:
        """Whether the answer is a file of rows, a `Sheet`, or may be one."""
        return Sheet in self._given

    @property
    def offers(self) -> tuple[str, ...]:
        """The types of answers that can be had; the first, where a caller says nothing of it."""
        json = (JSON,) if self.answer else ()
        return (*json, *(KINDS if self.gives_file else ()), *(PICTURES if Picture in self._given else ()))

    @property
    def _given(self) -> tuple[type, ...]:
        said = get_type_hints(self.act)["return"]
        said = get_args(said)[0] if get_origin(said) is Done else said
        return get_args(said) if get_origin(said) is UnionType else (said,)

    def takes(self, part: Part) -> type[Model] | None:
        """Return the model of a part of the request, None where the route takes no such part."""
        return get_type_hints(self.act).get(part)

    @property
    def answer(self) -> type[Model] | None:
        """The model of the answer, unless that is always a file."""
        return next((each for each in self._given if issubclass(each, Model)), None)


@dataclass
class Resource:
    """Routes that belong together, in the order in which they are declared."""

    title: str
    about: str
    routes: list[Route] = field(default_factory=list)

    def get(
        self,
        path: str,
        *,
        scope: Scope,
        example: Example | None = None,
        problems: tuple[type[WalletError], ...] = (),
        etag: bool = False,
    ) -> Callable[[Act], Act]:
        """Declare a route that only looks."""
        return self._declare(path, method="GET", scope=scope, problems=problems, example=example, etag=etag)

    def post(
        self,
        path: str,
        *,
        scope: Scope,
        example: Example | None = None,
        problems: tuple[type[WalletError], ...] = (),
        status: int = 200,
        status_found: int | None = None,
    ) -> Callable[[Act], Act]:
        """Declare a route that changes something."""
        return self._declare(
            path,
            method="POST",
            scope=scope,
            problems=problems,
            example=example,
            status=status,
            status_found=status_found,
        )

    def ask(
        self, path: str, *, scope: Scope, example: Example, problems: tuple[type[WalletError], ...] = ()
    ) -> Callable[[Act], Act]:
        """Declare a route that only looks, at what its body says; it needs no idempotency key."""
        return self._declare(path, method="POST", scope=scope, problems=problems, example=example, looks=True)

    def put(
        self, path: str, *, scope: Scope, example: Example, problems: tuple[type[WalletError], ...] = ()
    ) -> Callable[[Act], Act]:
        """Declare a route that sets something."""
        return self._declare(path, method="PUT", scope=scope, problems=problems, example=example)

    def patch(
        self, path: str, *, scope: Scope, example: Example, problems: tuple[type[WalletError], ...] = ()
    ) -> Callable[[Act], Act]:
        """Declare a route that changes some of a thing, whose version the request may name."""
        return self._declare(path, method="PATCH", scope=scope, problems=problems, example=example, etag=True)

    def delete(
        self, path: str, *, scope: Scope, example: Example, problems: tuple[type[WalletError], ...] = ()
    ) -> Callable[[Act], Act]:
        """Declare a route that does away with something."""
        return self._declare(path, method="DELETE", scope=scope, problems=problems, example=example)

    def _declare(
        self,
        path: str,
        *,
        method: Method,
        scope: Scope,
        problems: tuple[type[WalletError], ...],
        example: Example | None,
        status: int = 200,
        etag: bool = False,
        looks: bool = False,
        status_found: int | None = None,
    ) -> Callable[[Act], Act]:
        def declare(act: Act) -> Act:
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    resource=self.title,
                    scope=scope,
                    status=status,
                    problems=problems,
                    example=example or Example(),
                    etag=etag,
                    act=act,
                    looks=looks,
                    status_found=status_found,
                )
            )
            return act

        return declare

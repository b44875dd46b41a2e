"""The pictures that Google fetches, and what its robot may ask for."""

import io
from pathlib import Path
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import pytest
from actors import Clock
from flask.testing import FlaskClient
from google_actors import ISSUER
from held_actors import Holder, copied_template, wallet_of
from PIL import Image, ImageOps

from wallet_service.config import Settings
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.web import create_app
from wallet_service.wiring import Service

PICTURES = {"programLogo": (660, 660), "heroImage": (1032, 336)}


def path_of(google: SandboxGoogle, picture: str) -> str:
    """The path of a picture's address in the class that Google holds."""
    address: str = google.get("loyaltyClass", f"{ISSUER}.program-points")[picture]["sourceUri"]["uri"]
    assert address.startswith("https://cards.example/art/")
    return urlsplit(address).path


@pytest.mark.parametrize("picture", PICTURES)
def test_picture_of_the_class(ann: Holder, client: FlaskClient, google: SandboxGoogle, picture: str) -> None:
    """The address that stands in the class is served, as a PNG of the size that Google asks for, for ever."""
    answer = client.get(path_of(google, picture))

    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.data)).size == PICTURES[picture]
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("picture", PICTURES)
def test_picture_that_is_known(ann: Holder, client: FlaskClient, google: SandboxGoogle, picture: str) -> None:
    """Who has the picture already is told that it is the same, and gets nothing of it."""
    tag = client.get(path_of(google, picture)).headers["ETag"]
    answer = client.get(path_of(google, picture), headers={"If-None-Match": tag})

    assert (answer.status_code, answer.data) == (304, b"")


def test_older_picture(ann: Holder, client: FlaskClient, google: SandboxGoogle) -> None:
    """The address of an older picture leads to the one of today, for a while only."""
    newest = path_of(google, "programLogo")
    older = newest.replace(newest.split("/")[3], "0123456789abcdef")
    answer = client.get(older)

    assert (answer.status_code, answer.location) == (302, newest)
    assert "immutable" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["points/0/other.png", "other/0/programLogo.png", "points/0/pass.toml", "points/0/..%2f..%2fpass.toml"]
)
def test_no_picture(client: FlaskClient, path: str) -> None:
    """Nothing but pictures of templates is served there."""
    assert client.get(f"/art/{path}").status_code == 404


def test_banner_with_stamps(service: Service, client: FlaskClient) -> None:
    """The banner of a stamp card is drawn for who asks, under an address that names its content."""
    drawn = wallet_of(service).drawings.picture("stamp_card", "stamps-6.png")
    assert drawn is not None
    answer = client.get(f"/art/stamp_card/{drawn.version}/stamps-6.png")

    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", drawn.data)
    assert Image.open(io.BytesIO(answer.data)).size == PICTURES["heroImage"]
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/art/stamp_card/older/stamps-6.png").location == f"/art/stamp_card/{drawn.version}/stamps-6.png"
    assert client.get("/art/stamp_card/older/stamps-10.png").status_code == 404


def test_another_picture_has_another_address(
    ann: Holder, service: Service, settings: Settings, another: object, tmp_path: Path, clock: Clock
) -> None:
    """New pictures have new addresses, so that no copy of the old ones is shown."""
    folder = copied_template(tmp_path / "new")
    for each in (folder / "points" / "art").glob("*.png"):
        ImageOps.invert(Image.open(each).convert("RGB")).save(each)
    newer = another(settings.model_copy(update={"templates": folder}))  # type: ignore[operator]
    old, new = (wallet_of(each).drawings.class_of(each.template("points")).body for each in (service, newer))

    assert old["programLogo"]["sourceUri"] != new["programLogo"]["sourceUri"]
    address = urlsplit(new["programLogo"]["sourceUri"]["uri"]).path
    assert create_app(newer).test_client().get(address).status_code == 200
    assert create_app(service).test_client().get(address).status_code == 302


def test_robots(ann: Holder, client: FlaskClient, google: SandboxGoogle) -> None:
    """Google's robot may fetch pictures and call back; links to cards are nobody's but their holders'."""
    answer = client.get("/robots.txt")
    robots = RobotFileParser()
    robots.parse(answer.text.splitlines())

    assert answer.mimetype == "text/plain"
    for agent in ("Googlebot", "Googlebot-Image", "anybody"):
        assert robots.can_fetch(agent, "/google/callback")
        assert robots.can_fetch(agent, path_of(google, "heroImage"))
        assert not robots.can_fetch(agent, ann.page)
        assert not robots.can_fetch(agent, f"{ann.page}/google")
        assert not robots.can_fetch(agent, "/metrics")

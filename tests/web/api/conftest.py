"""A world for the API: two merchants, and members as the examples have them."""

import pytest
from api_actors import World
from flask.testing import FlaskClient

from wallet_service.wiring import Service


@pytest.fixture
def world(service: Service, client: FlaskClient) -> World:
    """The two merchants, each with a programme and a member."""
    return World(service, client)

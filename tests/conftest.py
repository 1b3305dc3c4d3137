"""Fixtures that several folders of tests share."""

from pathlib import Path

import pytest

from tests.small_world import make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """A small data root; do not change it."""
    return make_world(tmp_path_factory.mktemp("world") / "data")


@pytest.fixture(scope="session")
def pictured_world(tmp_path_factory) -> Path:
    """A small data root with pictures; do not change it."""
    from tests.pictured_world import make_world

    return make_world(tmp_path_factory.mktemp("pictured"))


@pytest.fixture
def bigram():
    """Trains and evaluates the smallest model instead of CSMN."""
    from tests.bigram import use_bigram

    patches = use_bigram()
    for patch in patches:
        patch.start()
    yield
    for patch in patches:
        patch.stop()

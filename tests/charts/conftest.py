"""The programs, and both versions of Helm."""

import shutil

import pytest
from chart import CHART, Helm, programs


@pytest.fixture(scope="session")
def tools():
    return programs()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("helm")


@pytest.fixture(scope="session", params=["helm4", "helm3"])
def helm(request, tools, home):
    """Each test that takes it runs with both."""
    return Helm(tools[request.param], home)


@pytest.fixture(scope="session")
def helm4(tools, home):
    """For tests of what was rendered: that both render the same has a test of its own."""
    return Helm(tools["helm4"], home)


@pytest.fixture(scope="session")
def helm3(tools, home):
    return Helm(tools["helm3"], home)


@pytest.fixture
def copy_of_chart(tmp_path):
    """One that a test may write to."""
    return shutil.copytree(CHART, tmp_path / CHART.name)

"""The same class under unittest and pytest, where nothing of a load test is there."""

import subprocess
import sys

import pytest

SOURCE = '''
import unittest
from loads.case import TestCase


class TestSite(TestCase):

    server_url = "{url}"

    def setUp(self):
        self.assertEqual(self.config, {{}})

    def test_session(self):
        res = self.session.get("{url}/ok")
        self.assertEqual(res.status_code, 200)

    def test_app(self):
        self.assertTrue("ok" in self.app.get("/ok"))
        self.incr_counter("ok-was-there")

    def test_fails(self):
        self.assertEqual(self.session.get("{url}/404").status_code, 200)


if __name__ == "__main__":
    unittest.main()
'''


@pytest.mark.parametrize("runner", [["unittest"], ["pytest", "-p", "no:cacheprovider"]], ids=["unittest", "pytest"])
def test_a_case_runs_without_a_worker(server, tmp_path, runner):
    (tmp_path / "test_site.py").write_text(SOURCE.format(url=server.url))
    name = "test_site" if runner == ["unittest"] else "test_site.py"
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", *runner, name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "AssertionError: 404 != 200" in output
    assert "FAILED (failures=1)" in output or "1 failed, 2 passed" in output
    assert "ResourceWarning" not in output
    assert len(server.requests) == 3


def test_importing_loads_imports_nothing_that_binds_to_sockets():
    code = "import sys, loads; print([m for m in ('requests', 'gevent', 'socket', 'ssl') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"

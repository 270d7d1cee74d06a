"""The python executor's test: what a user writes, nothing tuned."""

from loads import TestCase
from window import Window

WINDOW = Window()


class BenchCase(TestCase):
    @classmethod
    def setUpClass(cls):
        WINDOW.start()

    @classmethod
    def tearDownClass(cls):
        WINDOW.stop()

    def test_get(self):
        self.session.get(self.server_url + "/")

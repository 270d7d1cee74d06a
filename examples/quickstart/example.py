"""A load test is a functional test: this one runs under `python -m unittest` and pytest too."""

from loads.case import TestCase


class TestWebSite(TestCase):
    server_url = "http://127.0.0.1:9000"

    def test_something(self):
        # requests: every response is a hit, here the redirect and the page it leads to
        page = self.session.get(self.server_url + "/redirect")
        self.assertEqual(page.status_code, 200)
        self.assertIn("Loads demo server", page.text)

        user = self.session.get(self.server_url + "/auth", auth=("tarek", "secret"))
        self.assertEqual(user.text, "tarek")

        # WebTest, on the same session
        self.assertIn("Loads demo server", self.app.get("/"))

        # ws4py
        results = []
        ws = self.create_ws(
            self.server_url.replace("http", "ws", 1) + "/ws",
            protocols=["chat", "http-only"],
            callback=lambda message: results.append(message.data),
        )
        ws.send("something")
        ws.receive()
        ws.send("happened")
        ws.receive()
        ws.close()
        self.assertEqual(results, ["something", "happened"])

        self.incr_counter("tarek-was-there")

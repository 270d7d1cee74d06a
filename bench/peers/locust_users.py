"""Locust's two clients; the class to run is given on the command line."""

from locust import FastHttpUser, HttpUser, constant, events, task
from window import Window

WINDOW = Window()


@events.test_start.add_listener
def start(**_):
    WINDOW.start()


@events.test_stop.add_listener
def stop(**_):
    WINDOW.stop()


class Plain(HttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/")


class Fast(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/")

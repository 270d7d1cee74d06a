"""molotov: one scenario, one request each."""

import os

import molotov
from window import Window

WINDOW = Window()
URL = os.environ["BENCH_URL"]


@molotov.global_setup()
def start(args):
    WINDOW.start()


@molotov.global_teardown()
def stop():
    WINDOW.stop()


@molotov.scenario(weight=100)
async def get(session):
    async with session.get(URL) as response:
        await response.read()

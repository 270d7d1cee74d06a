"""The process that runs a Python test's users for an agent: ``python -m loads.worker``."""

"""Mutation testing of our own suite: ``python -m tests.mutation``. The default run leaves it out."""

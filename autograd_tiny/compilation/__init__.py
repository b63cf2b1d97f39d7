"""Compiling: a function of Values, recorded once, runs at native speed on batches."""

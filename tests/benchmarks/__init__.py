"""Side-by-side measurements: ``python -m tests.benchmarks``. They report figures; they are no tests."""

"""The parts of ``benchmarks/views.py``: pictures, arms, the process of an arm, agreement, limits."""

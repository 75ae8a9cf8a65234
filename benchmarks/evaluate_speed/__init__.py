"""What ``benchmarks/evaluate.py`` measures, each in a process of its own."""

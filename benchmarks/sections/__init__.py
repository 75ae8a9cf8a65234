"""One section of ``docs/results.md`` for each record: ``section`` makes it."""

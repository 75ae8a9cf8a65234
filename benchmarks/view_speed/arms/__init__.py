"""One library a file: ``PACKAGE``, and ``batches(job, recipe, order)``, which yields pairs of views."""

"""One file a kind of data, or a data set by name.

Each file defines one class with ``open(data: str) -> Origin`` (``twofold.data.listing``): it finds or
downloads the files, and says what they are called, when they changed and how to read one of them.
Decoding, storing, splits and labels from folders are the same for all and not its business.
"""

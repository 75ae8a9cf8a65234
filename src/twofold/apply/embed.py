"""Vectors of all images of a data set, as a parquet file.

The only user of pyarrow.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.files import write_aside
from twofold.core.source import Source
from twofold.data.parts import Part
from twofold.data.screen import Advance, Screen
from twofold.evaluations._features import features
from twofold.evaluations._subjects import Subject
from twofold.train.engine import Engine

_ROWS = 4096
"""Rows of one group: what is held in memory at once."""


def refuse_other_suffix(path: Path) -> None:
    """Only parquet is written.

    Raises:
        UsageError: If the file is called otherwise.
    """
    if path.suffix.lower() != ".parquet":
        raise UsageError(
            f"--out {path}: vectors are written as parquet, so its name has to end in .parquet "
            "(read it with pandas.read_parquet or pyarrow)"
        )


def embed(subject: Subject, source: Source, path: Path, *, engine: Engine, screen: Screen) -> None:
    """Writes ``path, split, label, vector`` of every image, all or nothing.

    The schema's metadata tell subject, encoder, precision and data.

    Args:
        subject: What turns images into vectors.
        source: The images.
        path: The file.
        engine: Where it is computed.
        screen: Where progress is shown.

    Raises:
        TwofoldError: If the file cannot be written.
    """
    import pyarrow.parquet as pq

    total = sum(map(len, source.splits.values()))
    try:
        with write_aside(path) as aside, screen.bar("embedding", total) as advance:
            tables = _tables(subject, source, engine, advance)
            first = next(tables)
            with pq.ParquetWriter(aside, first.schema) as writer:
                for table in itertools.chain([first], tables):
                    writer.write_table(table)
    except OSError as error:
        raise TwofoldError(f"cannot write {path}: {error.strerror or error}") from None


def _tables(subject: Subject, source: Source, engine: Engine, advance: Advance) -> Iterator[Any]:
    network = engine.place(subject.networks[0]())
    about = {
        "twofold.subject": _valid(subject.name),
        "twofold.encoder": json.dumps(subject.encoder),
        "twofold.precision": engine.precision,
        "twofold.data": json.dumps({"name": source.name, "fingerprint": source.fingerprint}),
    }
    for split, images in source.splits.items():
        for start in range(0, len(images), _ROWS):
            part = Part(images, np.arange(start, min(start + _ROWS, len(images))))
            vectors = features(
                network, part, size=subject.size, channels=subject.channels, engine=engine, advance=advance
            )
            yield _table(part, split, source.classes, vectors).replace_schema_metadata(about)


def _table(part: Part, split: str, classes: Sequence[str], vectors: Float[np.ndarray, "n d"]) -> Any:
    import pyarrow as pa

    numbers = [-1] * len(part) if part.labels is None else part.labels.tolist()
    classes = [_valid(name) for name in classes]
    flat = pa.array(vectors.ravel(), pa.float32())
    return pa.table(
        {
            "path": pa.array(map(_valid, part.paths), pa.string()),
            "split": pa.array([split] * len(part), pa.string()),
            "label": pa.array([classes[n] if n >= 0 else None for n in numbers], pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    )


def _valid(name: str) -> str:
    """Parquet holds UTF-8 alone: another byte becomes a question mark."""
    return name.encode(errors="replace").decode()

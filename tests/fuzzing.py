"""Real files of every kind that is read, damaged in every way that comes to mind, and what became of them.

``corpus`` makes a small whole file of each kind; ``damaged`` is a hypothesis strategy of broken ones;
``outcome`` reads one: it is good, or refused in a sentence. Whatever else happens is a bug.
"""

import copy
import io
import json
import shutil
import signal
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from hypothesis import strategies as st
from PIL import Image

from twofold.cli import parse
from twofold.cli import pretrain as command
from twofold.cli._failures import told
from twofold.core.errors import TwofoldError
from twofold.core.run import RunFolder
from twofold.core.source import Source
from twofold.data import open_source
from twofold.data.decode import Settings, decode
from twofold.data.labels import from_csv
from twofold.data.picture import BrokenImage
from twofold.data.screen import Screen
from twofold.data.store import open_store
from twofold.data.voc import find_voc
from twofold.nn.weights import load_encoder
from twofold.train.checkpoint import load_checkpoint
from twofold.train.engine import Engine
from twofold.train.prepare import prepare
from twofold.train.pretrain import _restored, start
from twofold.train.resolve import Request, resolve

SECONDS = 20
"""No file may take longer to be read or refused."""


class Kind(NamedTuple):
    """A kind of file.

    Args:
        name: For people.
        file: Where it has to lie.
        content: A whole one.
        read: Reads it, or raises.
        plain: JSON or YAML, whose values can be exchanged.
        mend: Makes the checksums of damaged bytes right, so that what lies behind them is tried too.
    """

    name: str
    file: Path
    content: bytes
    read: Callable[[Path], Any]
    plain: bool = False
    mend: Callable[[bytes], bytes] | None = None


class Silent:
    def note(self, text: str) -> None: ...

    def step(self, progress: Any, figures: Any) -> None: ...


def outcome(kind: Kind, content: bytes) -> str:
    """``read`` or ``refused``; anything else passes through."""
    kind.file.write_bytes(content)
    with _no_longer_than(SECONDS):
        try:
            kind.read(kind.file)
        except (TwofoldError, BrokenImage) as error:
            assert str(error).strip()
            return "refused"
        except Exception as error:
            checked = type(error).__module__.startswith(("beartype", "jaxtyping"))  # types, in tests alone
            if told(error) is None and not checked:
                raise
            return "refused"
    return "read"


def damaged(kind: Kind) -> st.SearchStrategy[bytes]:
    """One to four edits of the bytes; of plain files also other values in place of theirs."""
    bytewise = st.lists(_edits(), min_size=1, max_size=4).map(lambda edits: _edited(kind.content, edits))
    if kind.mend:
        return bytewise | bytewise.map(kind.mend)
    if not kind.plain:
        return bytewise
    return bytewise | st.lists(_exchanges(), min_size=1, max_size=3).map(lambda x: _exchanged(kind, x))


def _edits() -> st.SearchStrategy[tuple[str, int, bytes]]:
    numbers = [b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\xff" * 8, b"\0\0\0\0\0\1\0\0"]
    ways = st.sampled_from(["write", "insert", "drop", "cut", "repeat"])
    return st.tuples(
        ways, st.integers(0, 1 << 20), st.sampled_from(numbers) | st.binary(min_size=1, max_size=8)
    )


def _edited(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for way, place, new in edits:
        at = place % (len(content) + 1)
        content = {
            "write": content[:at] + new + content[at + len(new) :],
            "insert": content[:at] + new + content[at:],
            "drop": content[:at] + content[at + new[0] + 1 :],
            "cut": content[:at],
            "repeat": content[:at] + content[max(0, at - new[0] - 1) : at] * 3 + content[at:],
        }[way]
    return content


def _exchanges() -> st.SearchStrategy[tuple[int, Any]]:
    values = [None, True, -1, 0, 1e308, float("nan"), 1 << 70, "", "x" * 300, "../..", [], {}, [[]], {"a": 1}]
    return st.tuples(st.integers(0, 1 << 10), st.sampled_from(values) | st.integers(-5, 50))


def _exchanged(kind: Kind, exchanges: list[tuple[int, Any]]) -> bytes:
    is_yaml = kind.file.suffix == ".yaml"
    lines = [kind.content.decode()] if kind.file.suffix != ".jsonl" else kind.content.decode().splitlines()
    values = [yaml.safe_load(line) if is_yaml else json.loads(line) for line in lines]
    for number, value in exchanges:
        slots = list(_slots(values))
        owner, key = slots[number % len(slots)]
        owner[key] = copy.deepcopy(value)
    return "\n".join(yaml.safe_dump(one) if is_yaml else json.dumps(one) for one in values).encode()


def _slots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value inside lists and dictionaries."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _slots(value[key])


@contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise AssertionError(f"it took longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def corpus(folder: Path) -> list[Kind]:
    """A whole file of each kind; all of them below ``folder``."""
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(6)]
    images = folder / "images"
    images.mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(images / f"{number}.png")
    source = open_source(str(images), cache=folder / "cache", progress=False)
    kinds = [_picture(folder, pictures[0], name) for name in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")]
    for name, content in (
        ("images.zip", _zip(pictures)),
        ("images.tar", _tar(pictures, "")),
        ("images.tar.gz", _tar(pictures, "gz")),
        ("images.npy", _npy(np.stack(pictures))),
        ("images.npz", _npz(np.stack(pictures))),
    ):
        kinds.append(Kind(name.partition(".")[2], folder / name, content, _opened(folder)))
    table = "path,label\n" + "".join(
        f"{number}.png,{'cat' if number % 2 else 'dog'}\n" for number in range(6)
    )
    kinds.append(Kind("CSV of labels", folder / "labels.csv", table.encode(), _labels))
    kinds += [_annotation(folder), _yaml(folder, source), *_of_a_run(folder, images, source)]
    return kinds


def _picture(folder: Path, pixels: np.ndarray, name: str) -> Kind:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name)
    return Kind(
        name,
        folder / f"picture.{name.lower()}",
        buffer.getvalue(),
        lambda file: decode(file.read_bytes(), Settings(64)),
        mend=_with_right_checksums if name == "PNG" else None,
    )


def _with_right_checksums(png: bytes) -> bytes:
    """Of each chunk: length, kind, content, checksum."""
    mended, at = bytearray(png), 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4])
        if end + 4 > len(png):
            break
        mended[end : end + 4] = zlib.crc32(png[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(mended)


def _annotation(folder: Path) -> Kind:
    """Of one image of Pascal VOC."""
    root = folder / "voc"
    for part in ("Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True)
    (root / "ImageSets/Main/train.txt").write_text("a\n")
    content = b"<annotation><object><name>cat</name><difficult>1</difficult></object></annotation>"
    return Kind("annotation of VOC", root / "Annotations/a.xml", content, lambda _: _objects_of(root))


def _objects_of(root: Path) -> None:
    voc = find_voc(str(root))
    assert voc is not None and voc.shown(["a"]).shape[0] == 1


def _encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _zip(pictures: list[np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for number, pixels in enumerate(pictures):
            file.writestr(f"{number}.png", _encoded(pixels))
    return buffer.getvalue()


def _tar(pictures: list[np.ndarray], packed: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packed}", format=tarfile.PAX_FORMAT) as file:
        for number, pixels in enumerate(pictures):
            content = _encoded(pixels)
            info = tarfile.TarInfo(f"{number}{'ä' * 60}.png")  # too long for a plain header
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _npy(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, pixels)
    return buffer.getvalue()


def _npz(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x_train=pixels, y_train=np.arange(len(pixels)) % 2)
    return buffer.getvalue()


def _opened(folder: Path) -> Callable[[Path], Any]:
    def read(file: Path) -> None:
        cache = folder / "cache of one"
        shutil.rmtree(cache, ignore_errors=True)
        source = open_source(str(file), cache=cache, progress=False)
        for split in source.splits.values():
            split.read(np.arange(len(split)))

    return read


def _labels(file: Path) -> None:
    from_csv(file, [f"{number}.png" for number in range(6)], ["train"] * 6, Screen(False), str(file.parent))


def _yaml(folder: Path, source: Source) -> Kind:
    text = """\
method: swav
epochs: 2
batch_size: 2
prototypes: 30
temperature: 0.3
lr: 0.1
recipe:
  base: multi_crop
  arguments: {base: B, local_count: 4}
  change: {crop: {scale: [0.3, 1]}, Jitter: {hue: 0.2}, Gray: null, Solarize: {p: 0.1}}
"""

    def read(file: Path) -> None:
        words = [str(folder), "--config", str(file)]
        args = parse(command.parser(words), words)
        resolve(command.request_of(args, args.method), source, 6, accelerator=False)

    return Kind("YAML of options", folder / "options.yaml", text.encode(), read, plain=True)


def _of_a_run(folder: Path, images: Path, source: Source) -> list[Kind]:
    """What a run folder holds; each kind has a copy of the run of its own."""
    request = Request(encoder="resnet18_w4", size=16, view_size=16, batch_size=2, epochs=1.0)
    engine, opened = Engine.start("fp32", threads=1), {"data": str(images), "cache": str(folder / "cache")}
    prepared = prepare(request, source, opened, engine=engine, show=Silent())
    run = start(prepared, folder / "runs", Silent()).path

    def resumed(file: Path) -> None:
        again = RunFolder(file.parent)
        _restored(again, command._opened_again(again), engine, Silent())

    def log(file: Path) -> None:
        again = RunFolder(file.parent)
        list(again.log())
        again.cut_log(2)

    def store(file: Path) -> None:
        if open_store(file.parent) is None:
            raise TwofoldError("it is packed anew")

    [index] = (folder / "cache").rglob("index.npz")
    kinds = [
        ("checkpoint", "last.ckpt", load_checkpoint, False),
        ("spec.json", "spec.json", resumed, True),
        ("log.jsonl", "log.jsonl", log, True),
        ("safetensors", "encoder.safetensors", load_encoder, False),
        ("index of a store", "index.npz", store, False),
    ]
    found = []
    for name, file, read, plain in kinds:
        own = folder / name
        shutil.copytree(index.parent if file == "index.npz" else run, own)
        if file == "spec.json":
            (own / "encoder.safetensors").unlink()
        found.append(Kind(name, own / file, (own / file).read_bytes(), read, plain))
    return found

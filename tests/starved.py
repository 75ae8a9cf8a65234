"""Trainings that something happens to: jobs for ``forked.in_child``.

What happens, happens for real: the process kills itself by signal 9, runs into a limit of the system, or
takes away the files it needs.
"""

import io
import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from twofold.cli import main
from twofold.core.batch import Progress
from twofold.core.method import Method
from twofold.core.run import RunFolder
from twofold.data import open_source, segment
from twofold.data.store import open_store
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine
from twofold.train.prepare import prepare
from twofold.train.pretrain import resume, start
from twofold.train.resolve import Request

STEPS = 15
REQUEST: dict[str, Any] = {
    "encoder": "resnet18_w4",
    "size": 16,
    "view_size": 16,
    "batch_size": 8,
    "epochs": 3.0,
    "seed": 3,
}
WORDS = [word for name, value in REQUEST.items() for word in (f"--{name.replace('_', '-')}", str(value))]


class Silent:
    def note(self, text: str) -> None:
        print(text)

    def step(self, progress: Progress, figures: dict[str, float]) -> None:
        pass


def begin(images: Path, out: Path, happens: str = "", minutes: float = 5.0) -> int:
    """A run of ``STEPS`` steps on 40 images."""
    HAPPENS[happens](out)
    engine, show = Engine.start("fp32", threads=1), Silent()
    opened = {"data": str(images)}
    source = open_source(**opened, progress=False)
    start(
        prepare(Request(**REQUEST), source, opened, engine=engine, show=show),
        out,
        show,
        checkpoint_minutes=minutes,
    )
    return 0


def begin_in(cache: Path, images: Path, out: Path, happens: str = "") -> int:
    """The same with a cache of its own, where nothing is packed yet."""
    os.environ["TWOFOLD_CACHE"] = str(cache)
    return begin(images, out, happens)


def go_on(run: Path, happens: str = "", minutes: float = 5.0) -> int:
    HAPPENS[happens](run.parent)
    folder = RunFolder.open(run)
    source = open_source(**folder.spec["data"]["open"], progress=False)
    resume(folder, source, Engine.start("fp32", threads=1), Silent(), checkpoint_minutes=minutes)
    return 0


def typed(words: list[str], happens: str = "", out: Path = Path()) -> int:
    """A command, as a user types it."""
    HAPPENS[happens](out)
    return main(words)


def warm() -> None:
    """Imports what a training imports on its way. Nothing is trained: that would start threads."""
    torch.optim.SGD(Encoder("resnet18_w4", size=16).parameters()).step()
    Image.init()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _while_packing(out: Path) -> None:
    make_row, calls = segment._row, []

    def row(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 20:
            kill()
        return make_row(*arguments)

    segment._row = row


def _at_step(number: int, happens: Callable[[Path], None]) -> Callable[[Path], None]:
    """Happens after the optimiser has moved the weights, before the step is counted."""

    def arrange(out: Path) -> None:
        calls = []

        def after_step(self: Method, progress: Progress) -> None:
            calls.append(1)
            if len(calls) == number:
                happens(next(path for path in out.iterdir() if (path / "spec.json").is_file()))

        Method.after_step = after_step

    return arrange


def _while_a_checkpoint_is_written(out: Path) -> None:
    save, calls = torch.save, []

    def half(content: Any, file: Any) -> None:
        calls.append(1)
        if len(calls) < 5:
            save(content, file)
            return
        whole = io.BytesIO()
        save(content, whole)
        file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
        file.flush()
        kill()

    torch.save = half


def _between_the_renames(out: Path) -> None:
    replace, calls = Path.replace, []

    def one_of_two(self: Path, target: Path) -> Path:
        replaced = replace(self, target)
        calls.extend([1] * (target.name == "previous.ckpt"))
        if len(calls) == 5:
            assert not self.exists()
            kill()
        return replaced

    Path.replace = one_of_two


def _while_a_line_is_logged(out: Path) -> None:
    open_, calls = Path.open, []

    def torn(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        file = open_(self, mode, *arguments, **options)
        if self.name == "log.jsonl" and mode == "a":
            calls.append(1)
            if len(calls) == 7:
                file.write('{"step": 7, "epo')
                file.flush()
                kill()
        return file

    Path.open = torn


def _no_room(run: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))


def _no_memory(out: Path) -> None:
    """From when the networks are built on."""

    def setup(self: Method, items: int, classes: int, steps: int) -> None:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + (60 << 20), resource.RLIM_INFINITY))

    Method.setup = setup


def _read_only(run: Path) -> None:
    run.chmod(0o555)
    if not os.getuid():  # nobody forbids root anything
        os.setuid(65534)


def _cut_off(run: Path) -> None:
    images = Path(RunFolder(run).spec["data"]["open"]["data"])
    for index in Path(os.environ["TWOFOLD_CACHE"]).rglob("index.npz"):
        if open_store(index.parent).index.place == str(images):
            for file in index.parent.glob("*.seg"):
                os.truncate(file, 10)


def _without_store(run: Path) -> None:
    shutil.rmtree(os.environ["TWOFOLD_CACHE"])


def _without_images(run: Path) -> None:
    shutil.rmtree(RunFolder(run).spec["data"]["open"]["data"])


def _no_number(run: Path) -> None:
    forward = torch.nn.Linear.forward

    def spoilt(self: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        return forward(self, x) * float("nan")

    torch.nn.Linear.forward = spoilt


HAPPENS: dict[str, Callable[[Path], None]] = {
    "": lambda out: None,
    "pack": _while_packing,
    "step": _at_step(7, lambda run: kill()),
    "after step 7": _at_step(8, lambda run: kill()),
    "checkpoint": _while_a_checkpoint_is_written,
    "renames": _between_the_renames,
    "log": _while_a_line_is_logged,
    "disk full": _at_step(7, _no_room),
    "out of memory": _no_memory,
    "read-only": _at_step(7, _read_only),
    "folder removed": _at_step(7, shutil.rmtree),
    "store cut off": _at_step(7, _cut_off),
    "store removed": _at_step(7, _without_store),
    "images removed": _at_step(7, _without_images),
    "nan": _at_step(7, _no_number),
}

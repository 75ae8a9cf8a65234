"""``twofold doctor``: what this machine is, and what Twofold makes of it."""

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.train.engine import Engine

SUMMARY = "tell processor, precision, threads, kernel, devices and versions"

_TELLING = (
    "avx2",
    "avx512_f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "neon",
    "bf16",
    "sve",
)
"""Instruction sets that decide the speed of a network or of the views."""

_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scikit-learn", "pyarrow", "pillow", "simplejpeg")


def parser() -> "ArgumentParser":
    """No options."""
    from jsonargparse import ArgumentParser

    return ArgumentParser(prog="twofold doctor", description=SUMMARY)


def run(_: "Namespace") -> int:
    """Prints one fact a row."""
    from rich.console import Console
    from rich.table import Table

    from twofold.train.engine import Engine

    engine = Engine.start()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for topic, fact in [*_machine(engine), *_disk(), *_versions()]:
        table.add_row(topic, fact)
    Console(highlight=False).print(table)
    return 0


def _machine(engine: "Engine") -> list[tuple[str, str]]:
    from twofold.train.environment import processor

    return [
        ("processor", processor()),
        ("instructions", _instructions()),
        ("precision", f"auto means {engine.precision}: {_why(engine)}"),
        ("threads", f"{engine.threads} of {os.cpu_count()} logical cores"),
        ("memory", _memory()),
        ("view kernel", _view_kernel()),
        ("devices", _devices()),
    ]


def _instructions() -> str:
    """Instruction sets of this processor, and the level that torch's kernels use."""
    import torch

    listed: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # not in older torch
    found = [name for name in _TELLING if listed.get(name)]
    level = f"torch uses {torch.backends.cpu.get_cpu_capability()}"
    return f"{', '.join(found)} ({level})" if found else level


def _why(engine: "Engine") -> str:
    device = "the GPU" if engine.device.type == "cuda" else "this processor"
    if engine.precision == "bf16":
        return f"{device} multiplies bf16 in hardware"
    return f"{device} does not multiply bf16 in hardware, where it would be slower"


def _view_kernel() -> str:
    """What makes views on this processor, and why."""
    from twofold.views import kernel

    fault = kernel.missing()
    if fault is not None:
        return f"torch renderer, because {fault}"
    level = kernel.chosen()
    if level is None:
        return "torch renderer, because TWOFOLD_KERNEL is off"
    return f"{level.name} (there are {', '.join(kernel.levels())})"


def _memory() -> str:
    from twofold.data.screen import readable

    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown on this system"
    page = os.sysconf("SC_PAGE_SIZE")
    total = readable(page * os.sysconf("SC_PHYS_PAGES"))
    if "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return total
    return f"{total}, {readable(page * os.sysconf('SC_AVPHYS_PAGES'))} of it free"


def _devices() -> str:
    import torch

    from twofold.data.screen import readable

    if not torch.cuda.is_available():
        return "cpu (no GPU that torch can use)"
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    named = (f"cuda:{number} {gpu.name}, {readable(gpu.total_memory)}" for number, gpu in enumerate(gpus))
    return "\n".join(named)


def _disk() -> list[tuple[str, str]]:
    from twofold.data.places import cache_root, data_root
    from twofold.data.screen import readable
    from twofold.data.stores import kept_in

    cache = cache_root()
    size = sum(store.size for store in kept_in(cache))
    free = shutil.disk_usage(_nearest_folder(cache)).free
    return [
        ("cache", f"{cache}: {readable(size)}, {readable(free)} free ($TWOFOLD_CACHE moves it)"),
        ("data sets", f"{data_root()} ($TWOFOLD_DATA moves it)"),
    ]


def _nearest_folder(path: Path) -> Path:
    """The path itself, or the first folder above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def _versions() -> list[tuple[str, str]]:
    installed = [("twofold", version("twofold")), ("python", sys.version.split()[0])]
    return [*installed, *((name, _version(name)) for name in _PACKAGES), ("system", platform.platform())]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

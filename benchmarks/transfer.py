"""What a run is worth on other data: MNIST, Fashion-MNIST, scikit-learn's digits, CIFAR-10, blood cells.

    pip install -r benchmarks/peers.txt
    python benchmarks/transfer.py RUN --to mnist fashion_mnist digits cifar10.zip bccd-voc.zip

``digits`` are the 1,797 digits of 8 x 8 pixels that come with scikit-learn; all others are named as for
``twofold evaluate``. With ``--finetune`` each network is also trained on each of them, which takes minutes.
The record is ``docs/results/transfer.json``; ``python benchmarks/results.py`` makes a page of it.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from record import commit, keep, machine_of, twofold


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--to", nargs="+", default=["mnist", "fashion_mnist", "digits"])
    parser.add_argument("--finetune", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        to = [digits(Path(folder)) if name == "digits" else name for name in wanted.to]
        words = ["evaluate", str(wanted.run), "--evaluations", "transfer", "--out", folder]
        words += ["--transfer.data", json.dumps(to), *(["--transfer.finetune", "true"] * wanted.finetune)]
        seconds = twofold(*words)
        scores = json.loads((Path(folder) / "scores.json").read_text())
    spec = json.loads((wanted.run / "spec.json").read_text())
    names = ",".join(Path(name).name for name in wanted.to)
    told = " --transfer.finetune true" * wanted.finetune
    keep(
        "transfer",
        {
            "command": f'twofold evaluate RUN --evaluations transfer --transfer.data "[{names}]"{told}',
            "run": {
                "method": spec["method"]["name"],
                "data": spec["data"]["name"],
                "epochs": spec["epochs"],
                "encoder": spec["encoder"]["name"],
            },
            "seconds": seconds,
            "scores": scores,
            "commit": commit("src", "benchmarks"),
            "machine": machine_of(spec),
        },
    )


def digits(folder: Path) -> str:
    """A file of scikit-learn's digits, whose 17 shades become bytes."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = (found.images * (255 / 16)).round().astype(np.uint8)
    np.savez(folder / "digits.npz", images=pixels[..., None], labels=found.target)
    return str(folder / "digits.npz")


if __name__ == "__main__":
    main()

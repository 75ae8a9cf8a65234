"""Images a second of a training step, and NT-Xent, in time and memory.

    python benchmarks/step.py

A step is forward, backward and SGD of an encoder, on 256 random images. The arms: plain PyTorch in float32;
plain PyTorch in bf16 and channels-last; Twofold's engine, which is the same with memory that is kept, and
with ``--compile``, and as two processes of one thread (``--devices 2``). Every arm is a process of its own,
the arms take turns in rounds, and the median of an arm's rounds counts. The share of the peak is that of the
fastest product of large bf16 matrices on the same threads.

NT-Xent, forward and backward in float32: the plain N x N form beside the blocks of
``objectives/log_sum_exp.py``; memory is what the process held at most beyond its start.

The record is ``docs/results/step.json``; ``python benchmarks/results.py`` makes a page of it. This takes
about fifteen minutes on two cores, which should have nothing else to do.
"""

import argparse
from statistics import median
from typing import Any

from record import commit, cores, keep_here, machine
from step_speed.arms import ARMS
from step_speed.process import Team, alone


def main() -> None:
    wanted = arguments()
    record: dict[str, Any] = {
        "command": command(wanted),
        "commit": commit("src", "benchmarks"),
        "machine": machine(),
        "batch": wanted.batch,
        "peak": alone("step_speed.limits", "bf16_peak", threads=cores()),
        "steps": [],
        "nt_xent": [],
    }
    print(f"largest bf16 product: {record['peak'] / 1e12:.2f} TFLOP/s", flush=True)
    for rows in wanted.rows:
        record["nt_xent"] += nt_xent_of(rows, wanted.rounds)
        keep_here("step", record)
    for encoder in wanted.encoders:
        record["steps"] += steps_of(encoder, wanted)
        keep_here("step", record)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoders", nargs="*", default=["resnet18_w16", "resnet18_w32"])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--rows", nargs="*", type=int, default=[512, 2048, 8192, 32768])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of one arm's round, at least")
    return parser.parse_args()


def command(wanted: argparse.Namespace) -> str:
    """With all that decides the figures."""
    words = ["python benchmarks/step.py --encoders", *wanted.encoders, "--rows", *map(str, wanted.rows)]
    words += [f"--batch {wanted.batch} --side {wanted.side} --rounds {wanted.rounds}"]
    return " ".join([*words, f"--seconds {wanted.seconds:g}"])


def steps_of(encoder: str, wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """One row an arm."""
    teams = {name: Team(arm, encoder, wanted.batch, wanted.side) for name, arm in ARMS.items()}
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in teams}
    names = list(teams)
    for turn in range(wanted.rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            rounds[name].append(teams[name].images_per_second(wanted.seconds))
    operations = teams[names[0]].operations()
    for team in teams.values():
        team.stop()
    paces = {name: median(pace for pace, _ in found) for name, found in rounds.items()}
    rows = []
    for name, pace in paces.items():
        row = {
            "encoder": encoder,
            "arm": name,
            "images_per_second": round(pace, 1),
            "rounds": [round(found, 1) for found, _ in rounds[name]],
            "ratio": round(pace / paces["plain bf16"], 3),
            "faults_per_step": round(median(faults for _, faults in rounds[name])),
            "operations_per_second": pace * operations / wanted.batch,
            "start_seconds": round(teams[name].start_seconds, 1),
        }
        rows.append(row)
        print(
            f"{encoder:14} {name:22} {pace:8.0f} images/s  {row['ratio']:.2f} of plain bf16  "
            f"{row['operations_per_second'] / 1e12:.2f} TFLOP/s  {row['faults_per_step']:7} faults a step",
            flush=True,
        )
    return rows


def nt_xent_of(rows: int, rounds: int) -> list[dict[str, Any]]:
    """Both forms at one number of vectors; the plain one only as far as its matrices fit."""
    found = []
    for form in ("plain", "blocks"):
        if form == "plain" and rows > 8192:
            continue
        times, mebibytes = alone("step_speed.nt_xent", form, rows, rounds, threads=cores())
        row = {
            "rows": rows,
            "form": form,
            "milliseconds": median(times),
            "rounds": times,
            "mebibytes": mebibytes,
        }
        found.append(row)
        print(f"NT-Xent {rows:6} {form:7} {row['milliseconds']:9.1f} ms  {mebibytes:7.0f} MiB", flush=True)
    return found


if __name__ == "__main__":
    main()

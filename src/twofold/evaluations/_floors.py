"""What a subject has to beat: raw pixels, random weights, and public weights that anybody can have."""

from twofold.core.source import Source
from twofold.evaluations._subjects import Subject, pixels, random_encoder, resolve
from twofold.nn.encoder import public_weights
from twofold.nn.public import can_be_had
from twofold.train.engine import Engine

_AFFORDABLE = 16
"""On a CPU, public weights are judged unasked where their views have at most so many times the pixels."""


def floors(subject: Subject, source: Source, engine: Engine) -> tuple[list[Subject], list[str]]:
    """The floors of a subject, and what a reader has to know about those that are missing."""
    found, notes = [pixels(source)], []
    if subject.encoder is not None:
        found.append(random_encoder(subject.encoder))
    if subject.encoder is not None and not subject.name.startswith(("random:", "timm:", "torchvision:")):
        name = subject.encoder["name"]
        missing = _why_not(name, subject.size, engine)
        if missing is None:
            found.append(resolve(f"timm:{name}", source))
        elif missing:
            notes.append(f"the public weights of {name} were not judged: {missing}")
    return [floor for floor in found if floor.name != subject.name], notes


def _why_not(name: str, size: int, engine: Engine) -> str | None:
    """Why public weights are left out; empty where there are none; None where they are not."""
    public = public_weights(name)
    if public is None:
        return ""
    if not can_be_had(name):
        return "they are not on this machine and huggingface.co does not answer"
    if engine.device.type == "cpu" and public.size**2 > _AFFORDABLE * size**2:
        return (
            f"they want images of {public.size}x{public.size} pixels, which takes long here; "
            f"name timm:{name} to judge them too"
        )
    return None

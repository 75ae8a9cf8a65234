"""Parts of a run as its method feeds them."""

import pytest
import torch
from torch import nn

import tiny
from twofold.core import registry
from twofold.core.errors import UsageError
from twofold.core.run import Run, RunFolder
from twofold.evaluations._parts import parts_of, through
from twofold.nn.weights import save_parts


def rows_of(module, method, *, given):
    """What goes into a module, or comes out of it, as a method learns from a batch."""
    seen = []
    hook = module.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0] if given else output))
    method(tiny.make_batch(method), tiny.progress(0))
    hook.remove()
    return seen


@pytest.mark.parametrize("name", registry.names("methods"))
def test_every_method_tells_what_feeds_its_parts(name):
    method = tiny.make_method(name)
    parts = method.parts()
    assert method.fed_by.keys() <= parts.keys()
    for called, part in parts.items():
        feeder = method.fed_by.get(called, "encoder")
        taken = rows_of(part, method, given=True)
        if feeder is None:
            of_a_map = name == "pixpro" and called.startswith(
                "instance"
            )  # its mean, which is not h everywhere
            assert of_a_map or all(x.ndim != 2 for x in taken)  # patches, cells, or several networks
            continue
        source = method.encoder if feeder == "encoder" else parts[feeder]
        made = torch.cat([x.flatten(0, -2) for x in rows_of(source, method, given=False)]).detach()
        for x in taken:
            apart = torch.cdist(x.detach().flatten(0, -2), made, compute_mode="donot_use_mm_for_euclid_dist")
            assert apart.amin(dim=1).max() < 1e-4, called


def saved(folder, name, monkeypatch, **arguments):
    """A finished run of so much as parts need, and the method that was trained."""
    tiny_encoder = tiny.make_encoder()
    about = {"name": name, "revision": 1, "arguments": arguments}
    data = {"name": "toy", "fingerprint": "f1", "images": 32, "classes": 3}
    run = Run(about, tiny_encoder.spec, data, {}, 16, {}, 4, 1, 1.0, 0, "fp32")
    method = registry.find("methods", name)(tiny.make_encoder, **arguments)
    method.setup(32, 3, 1)
    save_parts(method.parts(), folder / "parts.safetensors")
    monkeypatch.setattr(RunFolder, "run", run)
    return RunFolder(folder), method.eval()


@pytest.mark.parametrize(
    ("name", "part", "arguments"),
    [
        ("simsiam", "predictor", {"hidden": 16, "dim": 32}),
        ("simsiam", "predictor", {"dim": 0}),  # no projector: z = h
        ("swav", "prototypes", {"hidden": 16, "dim": 32, "prototypes": 10}),
        ("supervised", "classifier", {"hidden": 16, "dim": 32}),
        ("supervised", "classifier", {}),
    ],
)
def test_a_part_is_judged_behind_the_one_that_feeds_it(name, part, arguments, tmp_path, monkeypatch):
    folder, method = saved(tmp_path, name, monkeypatch, **arguments)
    encoder, x = tiny.make_encoder().eval(), torch.rand(4, 3, tiny.SIDE, tiny.SIDE)
    parts = method.parts()
    with torch.no_grad():
        made = through(encoder, parts_of(folder), part)(x)
        torch.testing.assert_close(made, parts[part](parts["projector"](encoder(x))))


def test_layers_of_a_part_that_another_one_feeds_keep_their_names(tmp_path, monkeypatch):
    folder, method = saved(tmp_path, "simsiam", monkeypatch, hidden=16, dim=32, bottleneck=8)
    encoder, x = tiny.make_encoder().eval(), torch.rand(4, 3, tiny.SIDE, tiny.SIDE)
    with torch.no_grad():
        made = through(encoder, parts_of(folder), "predictor.0")(x)
        torch.testing.assert_close(made, method.predictor[0](method.projector(encoder(x))))
    with pytest.raises(UsageError, match=r"'predictor' has no layer '9'; its layers: 0, 1, 2, 3$"):
        through(encoder, parts_of(folder), "predictor.9")


@pytest.mark.parametrize(
    ("name", "part", "others"),
    [("pirl", "jigsaw", "projector"), ("pixpro", "projector", "none"), ("cmc", "projectors", "none")],
)
def test_what_takes_no_vector_of_the_encoder_is_refused(name, part, others, tmp_path, monkeypatch):
    folder, _ = saved(tmp_path, name, monkeypatch)
    told = f"no part '{part}' that takes the vectors of its encoder.*; those that do: {others}$"
    with pytest.raises(UsageError, match=told):
        through(nn.Identity(), parts_of(folder), part)

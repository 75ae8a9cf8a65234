"""``twofold.load``: an encoder with its transform."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import twofold
from colours import make_images, make_run
from run_cases import begin
from twofold.apply.load import refuse_missing
from twofold.apply.transform import Transform
from twofold.core.errors import TwofoldError, UsageError
from twofold.data.opening import settings_from
from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder
from twofold.train.checkpoint import load_checkpoint


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", Encoder("resnet18_w4", size=32))


def photograph(height: int = 40, width: int = 56) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 4, columns * 3, 255 - rows * 2], axis=-1).astype(np.uint8)


def as_file(path: Path, image: Image.Image, **how: object) -> Path:
    image.save(path, **how)
    return path


def test_gives_the_saved_encoder_in_eval_mode(run: Path) -> None:
    encoder = twofold.load(run)
    assert not encoder.training
    assert encoder(encoder.transform([photograph()])).shape == (1, encoder.width)


def test_keeps_no_gradients_until_asked_to(run: Path) -> None:
    encoder = twofold.load(run)
    assert not encoder(encoder.transform([photograph()])).requires_grad
    assert encoder.requires_grad_(True)(encoder.transform([photograph()])).requires_grad


def test_a_stopped_runs_checkpoint_is_loaded(tmp_path: Path) -> None:
    stopped = begin(make_images(tmp_path / "data", 6), tmp_path / "runs", stop_at=2)
    encoder = twofold.load(stopped / "last.ckpt")
    state = load_checkpoint(stopped / "last.ckpt")["method"]
    assert all(torch.equal(value, state[f"encoder.{name}"]) for name, value in encoder.state_dict().items())
    assert not encoder(encoder.transform([photograph()])).requires_grad
    with pytest.raises(TwofoldError, match=r"last\.ckpt"):
        twofold.load(stopped)


def test_run_folder_text_and_file_are_the_same_encoder(run: Path) -> None:
    image = photograph()
    vectors = [
        encoder(encoder.transform([image]))
        for encoder in map(twofold.load, (run, str(run), run / "encoder.safetensors"))
    ]
    assert torch.equal(vectors[0], vectors[1])
    assert torch.equal(vectors[0], vectors[2])


def test_transform_does_not_change_what_is_saved(run: Path, tmp_path: Path) -> None:
    encoder = twofold.load(run)
    save_encoder(encoder, tmp_path / "again.safetensors")
    again = twofold.load(tmp_path / "again.safetensors").state_dict()
    assert again.keys() == Encoder("resnet18_w4", size=32).state_dict().keys()


def test_every_way_an_image_can_come_gives_the_same_view(run: Path, tmp_path: Path) -> None:
    transform = twofold.load(run).transform
    pixels = photograph()
    file = as_file(tmp_path / "image.png", Image.fromarray(pixels))
    expected = transform(pixels)
    assert expected.shape == (3, 32, 32)
    assert expected.dtype == torch.float32
    assert expected.min() >= 0 and expected.max() <= 1
    for image in (file, str(file), Image.open(file), Image.fromarray(pixels), torch.from_numpy(pixels)):
        assert torch.equal(transform(image), expected)


def test_a_batch_is_its_images_one_by_one(run: Path, tmp_path: Path) -> None:
    transform = twofold.load(run).transform
    pixels = photograph()
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    file = as_file(tmp_path / "image.png", Image.fromarray(mirrored))
    expected = torch.stack([transform(pixels), transform(mirrored)])
    stacked = np.stack([pixels, mirrored])
    for batch in ([pixels, file], (Image.fromarray(pixels), mirrored), stacked, torch.from_numpy(stacked)):
        assert torch.equal(transform(batch), expected)


def test_images_of_the_encoders_size_stay_as_they_are(run: Path) -> None:
    pixels = photograph(32, 32)
    view = twofold.load(run).transform(pixels)
    assert torch.equal(view, torch.from_numpy(pixels).permute(2, 0, 1) / 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV"])
def test_pil_images_of_any_mode(run: Path, mode: str) -> None:
    image = Image.fromarray(photograph()).convert(mode)
    view = twofold.load(run).transform(image)
    assert torch.allclose(view, twofold.load(run).transform(image.convert("RGB")), atol=0.02)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_a_deep_pil_image_is_what_its_file_is(run: Path, tmp_path: Path, mode: str) -> None:
    transform = twofold.load(run, value_range="0:70000").transform
    values = photograph()[..., 0] * np.uint16(300) + np.uint16(7)
    deep = Image.frombytes(mode, (56, 40), values.astype(NUMBERS[mode]).tobytes())
    file = as_file(tmp_path / "deep.tif", deep, exif=turned())
    expected = transform(file)
    assert expected.unique().numel() > 20
    opened = Image.open(io.BytesIO(file.read_bytes()))  # by its path Pillow 13 reads some turned ones wrongly
    for image in (opened, deep.transpose(Image.Transpose.ROTATE_270)):
        assert torch.equal(transform(image), expected)


NUMBERS = {"I;16": "<u2", "I;16B": ">u2", "I": "i4", "F": "f4"}


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_a_pil_image_keeps_transparency_and_the_cameras_rotation(run: Path, tmp_path: Path) -> None:
    transform = twofold.load(run).transform
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    for mode in ("RGBA", "PA"):
        assert transform(clear.convert(mode)).mul(255).round().unique().tolist() == [128]
    gray = Image.new("LA", (40, 40), (90, 0))
    assert torch.equal(transform(gray.convert("La")), transform(gray))
    file = as_file(tmp_path / "turned.jpg", Image.fromarray(photograph()), exif=turned(), quality=100)
    assert torch.allclose(transform(Image.open(file)), transform(file), atol=0.02)


def test_a_gray_encoder_weighs_colours_and_a_colour_encoder_repeats_gray(tmp_path: Path) -> None:
    gray = Encoder("resnet18_w4", size=32, channels=1, mean=(0.5,), std=(0.2,))
    transform = twofold.load(make_run(tmp_path / "gray", gray)).transform
    green = np.zeros((32, 32, 3), np.uint8)
    green[..., 1] = 255
    assert transform(green).shape == (1, 32, 32)
    assert torch.allclose(transform(green), torch.full((1, 32, 32), 0.587))
    colour = twofold.load(make_run(tmp_path / "colour")).transform
    view = colour(photograph()[..., 0])
    assert torch.equal(view[0], view[1])


def test_deep_images_need_a_range_and_take_the_runs_own(tmp_path: Path) -> None:
    deep = Image.fromarray(photograph(32, 32)[..., 0].astype(np.uint16) * 16)
    encoder = Encoder("resnet18_w4", size=32)
    with pytest.raises(
        TwofoldError, match=r'more than 8 bits.* twofold\.load\(\.\.\., value_range="0:1984"\)'
    ):
        twofold.load(make_run(tmp_path / "unknown", encoder)).transform(deep)
    known = twofold.load(make_run(tmp_path / "known", encoder, value_range="0:4080")).transform(deep)
    given = twofold.load(tmp_path / "unknown", value_range="0:4080").transform(deep)
    assert torch.equal(known, given)
    file = tmp_path / "known" / "encoder.safetensors"
    assert torch.equal(twofold.load(file).transform(deep), given)
    assert torch.equal(known[0], torch.from_numpy(photograph(32, 32)[..., 0]) / 255)


@pytest.mark.parametrize("opened", [{"size": 384}, {"store_size": 64}, {"size": 384, "store_size": 64}])
def test_files_are_read_as_the_runs_data_was(tmp_path: Path, opened: dict[str, int]) -> None:
    run = make_run(tmp_path / "run", Encoder("resnet18_w4", size=32), **opened)
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    view = twofold.load(run).transform(noise)
    settings = settings_from(opened.get("size"), opened.get("store_size"), None)
    assert torch.equal(view, Transform(32, 3, settings)(noise))
    assert not torch.equal(view, Transform(32, 3, settings_from(None, None, None))(noise))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((32, 32, 3), np.float32), "uint8"),
        (np.zeros((3, 32, 32), np.uint8), "channels last"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "channels last"),
        ("nowhere.png", "cannot read nowhere.png"),
    ],
)
def test_what_is_no_image_is_told(run: Path, image: object, told: str) -> None:
    with pytest.raises(TwofoldError, match=told):
        twofold.load(run).transform(image)


def test_a_broken_file_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing more")
    with pytest.raises(TwofoldError, match=r"broken\.png"):
        twofold.load(run).transform(tmp_path / "broken.png")


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run folder"):
        twofold.load(tmp_path / "nothing")
    with pytest.raises(TwofoldError, match="not a run folder"):
        twofold.load(tmp_path)
    (tmp_path / "spec.json").write_text("{}")
    with pytest.raises(TwofoldError, match=r"pretrain --resume .*, or take .*last\.ckpt"):
        twofold.load(tmp_path)
    (tmp_path / "encoder.safetensors").write_bytes(b"damaged")
    with pytest.raises(TwofoldError, match="not a readable"):
        twofold.load(tmp_path)


def test_what_is_no_file_and_what_is_inside_of_a_run_is_not_missing(run: Path, tmp_path: Path) -> None:
    for named in ("pixels", "timm:resnet18", "torchvision:resnet18", "random:resnet18", f"{run}@projector"):
        refuse_missing(named)
    with pytest.raises(UsageError, match=r"no run folder .*nothing "):
        refuse_missing(f"{tmp_path / 'nothing'}@projector")


def test_import_twofold_stays_light() -> None:
    heavy = "torch timm sklearn torchvision pyarrow PIL"
    code = f"import sys, twofold; print([name for name in {heavy.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

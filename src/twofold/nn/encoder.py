"""Encoders: any timm model, and ResNets of any width with a stem for small images.

The only user of timm.
"""

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.errors import UsageError, nearest
from twofold.nn.in_parts import in_parts
from twofold.nn.split_backbone import SplitBackbone, width_of
from twofold.nn.torchvision_backbone import PREFIX, TorchvisionBackbone

SMALL_IMAGE = 64
"""Sides up to this many pixels get the CIFAR stem: 3x3, stride 1, no max-pool."""

_RESNET = re.compile(r"resnet(18|34|50|101|152)(?:_w(\d+))?")
_DEPTHS = {
    "18": (2, 2, 2, 2),
    "34": (3, 4, 6, 3),
    "50": (3, 4, 6, 3),
    "101": (3, 4, 23, 3),
    "152": (3, 8, 36, 3),
}


class Encoder(nn.Module):
    """An image encoder: colours in [0, 1] in, a vector ``h`` or a feature map out.

    It owns the normalisation, so that what is saved and exported is whole.

    Args:
        name: A timm model, ``torchvision/`` and a classifier of torchvision, or
            ``resnet{18,34,50,101,152}_w{width}`` where width is the number of channels of the first stage
            (64 is the standard network, 128 the "2x" of the papers).
        channels: Input channels.
        size: Side of the images in pixels; ResNets get the CIFAR stem up to 64.
        mean: Channel means of the data in [0, 1]; one value a channel.
        std: Channel standard deviations.
        pretrained: Load public weights (needs a network or a filled cache).
        head: Units of linear layers with a ReLU each on top of the pooled features, as first layers of a
            projection head that are kept (see ``nn/from_head.py``).
        split: A network for each group of channels: ``space`` and ``groups`` of ``SplitBackbone``, which
            also has the say on normalisation.

    Attributes:
        width: Length of ``h``.
        at_once: Images that go through the backbone at once (see ``nn/in_parts.py``); None is all.
        begun: Whether its weights come from a training before this one.

    Raises:
        UsageError: If there is no such model, or gray images are to be split.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str = "resnet18",
        *,
        channels: int = 3,
        size: int = 224,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        pretrained: bool = False,
        head: Sequence[int] = (),
        split: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if split:
            mean, std = (0.0,) * channels, (1.0,) * channels
        self.spec: dict[str, Any] = {
            "name": name,
            "channels": channels,
            "size": size,
            "mean": [float(m) for m in mean],
            "std": [float(s) for s in std],
        }
        if head:
            self.spec["head"] = [*head]
        if split:
            self.spec["split"] = dict(split)
            if channels != 3:
                raise UsageError("colours are split, and these images are gray: choose another --method")
            if name.startswith(PREFIX):
                raise UsageError(f"colours are split, and {name} takes all three: give one of timm's models")

        def make(channels: int) -> Any:
            return _backbone(name, channels, size, pretrained)

        self.backbone: Any = SplitBackbone(make, **split) if split else make(channels)
        widths = [width_of(self.backbone), *head]
        layers = [part for wide, units in pairwise(widths) for part in (nn.Linear(wide, units), nn.ReLU())]
        self.head = nn.Sequential(*layers)
        self.width: int = widths[-1]
        self.at_once: int | None = None
        self.begun = pretrained
        shape = (1, channels, 1, 1)
        self.register_buffer("mean", torch.tensor(self.spec["mean"]).view(shape))
        self.register_buffer("std", torch.tensor(self.spec["std"]).view(shape))
        self._layout = self.layout

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b width"]:
        """Pooled features ``h``."""
        return self._in_parts(self._pooled, x)

    def grid(self, x: Float[Tensor, "b c h w"], stage: int = -1) -> Float[Tensor, "b d gh gw"]:
        """Feature map after a stage; the last by default."""

        def features(part: Tensor) -> Tensor:
            maps: list[Tensor] = self.backbone.forward_intermediates(
                part, indices=self.stages, intermediates_only=True, output_fmt="NCHW"
            )
            return maps[stage]

        return self._in_parts(features, x)

    def tokens(
        self, x: Float[Tensor, "b c h w"], blocks: int
    ) -> list[tuple[Float[Tensor, "b d"], Float[Tensor, "b p d"]]]:
        """Class token and patch tokens after each of the last blocks, through the transformer's last norm."""
        found = self.backbone.forward_intermediates(
            self._normalise(x),
            indices=blocks,
            return_prefix_tokens=True,
            norm=True,
            output_fmt="NLC",
            intermediates_only=True,
        )
        return [(prefix[:, 0], patches) for patches, prefix in found]

    @property
    def class_token(self) -> bool:
        """Whether ``tokens`` are there: in timm's vision transformers with a class token."""
        if getattr(self.backbone, "cls_token", None) is None:
            return False
        return "return_prefix_tokens" in inspect.signature(self.backbone.forward_intermediates).parameters

    @property
    def stages(self) -> int:
        """Number of feature maps that ``grid`` can return."""
        return len(self.backbone.feature_info)

    @property
    def map_width(self) -> int:
        """Channels of the last feature map, which may be others than those of ``h``."""
        return int(self.backbone.feature_info[-1]["num_chs"])

    @property
    def patch_embedding(self) -> nn.Module | None:
        """What turns patches into tokens, in a vision transformer; None in other networks."""
        return getattr(self.backbone, "patch_embed", None)

    @property
    def layout(self) -> torch.memory_format:
        """Channels last, which is up to twice as fast on a CPU, where that is safe.

        oneDNN's channels-last convolutions may write past the end of their buffers where the number of
        channels is no multiple of the processor's vector (seen with torch 2.14.1, AVX2 and 4 channels).
        """
        if self.mean.device.type != "cpu":
            return torch.channels_last
        block = 16 if torch.backends.cpu.get_cpu_capability().startswith("AVX512") else 8
        convolutions = (m for m in self.backbone.modules() if isinstance(m, nn.Conv2d))
        whole = all(c.out_channels % block == 0 for c in convolutions)
        return torch.channels_last if whole else torch.contiguous_format

    def _pooled(self, x: Tensor) -> Tensor:
        features = self.backbone.forward_features(x)
        pooled: Tensor = self.head(self.backbone.forward_head(features, pre_logits=True))
        return pooled

    def _in_parts(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        x = self._normalise(x)
        if self.at_once is None or len(x) <= self.at_once:
            return function(x)
        return in_parts(function, x, self.at_once, self)

    def _normalise(self, x: Tensor) -> Tensor:
        # cloned: an image of one channel counts as contiguous in both orders, whatever its strides say
        layout = torch.channels_last if x.is_cuda else self._layout
        return ((x - self.mean) / self.std).clone(memory_format=layout)


def known_encoders() -> list[str]:
    """Names of all models that timm can build."""
    import timm

    return list(timm.list_models())


class PublicWeights(NamedTuple):
    """timm's public weights of one model.

    Args:
        repository: Where they lie on the Hugging Face hub.
        file: Where they lie on this machine, if they are cached.
        size: Side of the images that they expect, in pixels.
        mean: Channel means that they expect.
        std: Channel standard deviations.
    """

    repository: str
    file: Path | None
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def public_weights(name: str) -> PublicWeights | None:
    """The public weights of a model; None where there are none."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    found = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    if found is None or not found.hf_hub_id:
        return None
    cached = try_to_load_from_cache(found.hf_hub_id, "model.safetensors")
    file = Path(cached) if isinstance(cached, str) else None
    return PublicWeights(found.hf_hub_id, file, found.input_size[-1], found.mean, found.std)


def _backbone(name: str, channels: int, size: int, pretrained: bool) -> Any:
    resnet = _RESNET.fullmatch(name)
    if resnet and not pretrained:
        return _resnet(resnet[1], int(resnet[2] or 64), channels, small_stem=size <= SMALL_IMAGE)
    if name.startswith(PREFIX):
        return TorchvisionBackbone(name.removeprefix(PREFIX), size, pretrained)
    import timm

    if not timm.is_model(name):
        raise UsageError(
            f"no encoder is called '{name}'{nearest(name, known_encoders())} (see: twofold list encoders)"
        )
    keywords: dict[str, Any] = {"in_chans": channels, "num_classes": 0, "pretrained": pretrained}
    public = public_weights(name) if pretrained else None
    if public and public.file:  # else the hub is asked first, and half a minute is lost without a network
        keywords["pretrained_cfg_overlay"] = {"file": str(public.file), "custom_load": False}
    standard = timm.get_pretrained_cfg(name)
    if standard is not None and standard.fixed_input_size:
        keywords["img_size"] = size
    return timm.create_model(name, **keywords, **_any_side(timm.models.model_entrypoint(name).__module__))


def _any_side(module: str) -> dict[str, bool]:
    """What lets the transformers of one of timm's modules take views of other sides than the images.

    Positions are interpolated then, and a last row or column of patches that is not whole is filled up with
    zeros. Where they do not know of it, there is nothing that does.
    """
    for part in vars(sys.modules[module]).values():
        if inspect.isclass(part) and issubclass(part, nn.Module):
            known = inspect.signature(part).parameters
            if "dynamic_img_size" in known:
                return {word: True for word in ("dynamic_img_size", "dynamic_img_pad") if word in known}
    return {}


def _resnet(depth: str, width: int, channels: int, *, small_stem: bool) -> Any:
    """A timm ResNet of any width; timm itself always keeps a 64-channel 7x7 stem."""
    from timm.models.resnet import BasicBlock, Bottleneck, ResNet, make_blocks

    block = BasicBlock if depth in ("18", "34") else Bottleneck
    widths = tuple(width * 2**stage for stage in range(4))
    net = ResNet(block, _DEPTHS[depth], num_classes=0, in_chans=channels, channels=widths)
    if small_stem:
        net.conv1 = nn.Conv2d(channels, width, 3, stride=1, padding=1, bias=False)
        net.maxpool = nn.Identity()
    elif width != 64:
        net.conv1 = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
    if width != 64:
        net.bn1 = nn.BatchNorm2d(width)
        stages, info = make_blocks(
            (block,) * 4,
            widths,
            _DEPTHS[depth],
            width,
            act_layer=nn.ReLU,
            norm_layer=nn.BatchNorm2d,
            aa_layer=None,
        )
        for name, stage in stages:
            setattr(net, name, stage)
        net.feature_info = [{"num_chs": width, "reduction": 2, "module": "act1"}, *info]
    net.init_weights()
    return net

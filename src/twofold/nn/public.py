"""Public weights: what a user would pick instead of training."""

import logging
import threading
import urllib.error
import urllib.request

from twofold.core.errors import TwofoldError, UsageError, nearest
from twofold.nn import torchvision_backbone
from twofold.nn.encoder import Encoder, PublicWeights, known_encoders, public_weights

_PATIENCE = 2.0
"""Seconds that the hub has to answer."""


def public_encoder(name: str) -> Encoder:
    """A timm model with its public weights, in eval mode.

    Raises:
        UsageError: If there are no such weights.
        TwofoldError: If they cannot be had now.
    """
    public = require(name)
    try:
        encoder = Encoder(name, size=public.size, mean=public.mean, std=public.std, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise TwofoldError(f"the public weights of {name} cannot be loaded: {error}") from error
    return encoder.eval()


def torchvision_encoder(name: str) -> Encoder:
    """A classifier of torchvision up to its last layer, with its public weights, in eval mode.

    Images are normalised and as large as the weights expect; they are resized as all images here are.

    Raises:
        UsageError: If there is no such model.
        TwofoldError: If its weights cannot be had now.
    """
    public = torchvision_backbone.public(name)
    whole = torchvision_backbone.PREFIX + name
    try:
        encoder = Encoder(whole, size=public.size, mean=public.mean, std=public.std, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise TwofoldError(
            f"the public weights of torchvision's {name} cannot be had ({error}): "
            f"download {public.address} and put it at {public.file}"
        ) from error
    return encoder.eval()


def require(name: str) -> PublicWeights:
    """What is known of a model's public weights, which can be had now.

    Raises:
        UsageError: If there are no such weights.
        TwofoldError: If they cannot be had now; told within seconds, where the hub's own client tries for a
            minute.
    """
    public = public_weights(name)
    if public is None:
        raise UsageError(f"timm has no public weights of '{name}'{nearest(name, known_encoders())}")
    if not can_be_had(name):
        raise TwofoldError(
            f"the public weights of {name} cannot be had: they are not on this machine "
            f"and huggingface.co, which has them as {public.repository}, does not answer"
        )
    return public


def can_be_had(name: str) -> bool:
    """Whether a model has public weights on this machine, or on a hub that answers within two seconds."""
    public = public_weights(name)
    return public is not None and (public.file is not None or _hub_answers())


def _hub_answers() -> bool:
    """Asked in a thread: looking up a name may take longer than any time limit of a socket."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()
    threading.Thread(target=_ask, args=(constants.ENDPOINT, answered), daemon=True).start()
    return answered.wait(_PATIENCE)


def _ask(endpoint: str, answered: threading.Event) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=_PATIENCE).close()
    except urllib.error.HTTPError:
        pass  # it answers, if only to refuse this question
    except OSError as error:
        logging.getLogger(__name__).debug("%s does not answer: %s", endpoint, error)
        return
    answered.set()

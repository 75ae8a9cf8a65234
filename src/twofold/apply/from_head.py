"""A run's encoder with the first layers of its projection head, as a subject."""

from dataclasses import replace

from twofold.core.errors import UsageError
from twofold.evaluations._subjects import Subject
from twofold.nn.encoder import Encoder
from twofold.nn.from_head import with_layers


def from_head(subject: Subject, layers: int) -> Subject:
    """The subject whose vectors are the outputs of a layer of its run's projection head.

    Args:
        subject: A run folder's.
        layers: How many layers of the head are kept.

    Raises:
        UsageError: If it is no run, or its head has no such layers.
    """
    head = subject.parts().get("projector")
    if head is None:
        raise UsageError(f"--from-head {layers}: '{subject.name}' has no projection head")
    encoder = subject.networks[0]()
    assert isinstance(encoder, Encoder)
    grown = with_layers(encoder, head, layers)
    return replace(
        subject, name=f"{subject.name}+head{layers}", networks=(lambda: grown,), encoder=grown.spec
    )

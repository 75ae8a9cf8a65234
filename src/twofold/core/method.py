"""The one abstraction for a pretext task."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.recipe import Recipe


@runtime_checkable
class MakeEncoder(Protocol):
    """Builds a fresh encoder of the run's architecture; keywords override what the run says."""

    def __call__(self, **changes: Any) -> Any:
        """An ``nn.encoder.Encoder``."""
        ...


class Method(nn.Module):
    """A pretext task: encoder, heads and memories, and how a batch of views becomes a loss.

    A subclass declares ``views``, builds its networks in ``__init__(make_encoder, *, ...)`` with the
    paper's hyper-parameters as keyword-only arguments, and writes the paper's pseudo-code in
    ``forward``. The loop calls, for every step: ``forward``, backward, ``before_step``, the
    optimiser, ``after_step``.

    Attributes:
        views: The paper's recipe; a run may override it.
        presets: Named sets of hyper-parameters and of the training's settings (recipe, batch_size,
            epochs, and the fields of ``train.optim.OptimizerSpec``) for ``--preset``; ``small`` is
            what a small machine and small images use when nothing else is asked for. A preset's ``lr``
            is for batches of 256 and scales with the batch.
        learns_from_labels: Whether it learns from labelled images only, and from their labels.
        revision: Raised when a fix changes what the method learns.
        later: Hyper-parameters that came after the first runs. Their default is what was done before, and
            runs name them only where they are not at it: so keys stay what they were.
        more_views: Whether it takes more global views than its own recipe has.
        small_views: Whether it takes small local views beside the global ones, as queries and never as
            targets; it does anyway where its own recipe has some.
        fed_by: The part that feeds another part, where it is not the encoder; None where this takes no vector
            of an image.
        encoder: What is evaluated, embedded and exported.
    """

    views: ClassVar[Recipe]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    learns_from_labels: ClassVar[bool] = False
    revision: ClassVar[int] = 1
    later: ClassVar[tuple[str, ...]] = ()
    more_views: ClassVar[bool] = False
    small_views: ClassVar[bool] = False
    fed_by: ClassVar[Mapping[str, str | None]] = {}
    encoder: nn.Module

    @classmethod
    def fit_to(cls, arguments: Mapping[str, Any], images: int, batch_size: int) -> dict[str, Any]:  # noqa: ARG003
        """Smaller values of hyper-parameters that are too large for the data, where nobody asked for them.

        Args:
            arguments: All of them, as they would be.
            images: Number of images to learn from.
            batch_size: Images a step.

        Returns:
            What is to be changed; none by default. What the user asked for stays as it is.
        """
        return {}

    @classmethod
    def told_labels(cls, arguments: Mapping[str, Any]) -> bool:  # noqa: ARG003
        """Whether ``batch.targets`` is filled, which may hang on the hyper-parameters.

        A method that learns from labels gets labelled images only; another one that is told labels gets all
        images, and -1 for those without one.

        Args:
            arguments: The hyper-parameters; those of ``later`` that are at their default may be missing.
        """
        return cls.learns_from_labels

    def setup(self, items: int, classes: int, steps: int) -> None:
        """Allocates what depends on the data: banks, memories, class heads. Default: nothing."""

    def learn_from(self, teacher: Any) -> None:
        """Takes the teacher that the run names, a ``ClassNetwork``; before ``setup``. Default: has none."""
        raise NotImplementedError(f"{type(self).__name__} learns from no teacher")

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """The loss of one batch. State is only read and staged here, never changed.

        (Batch-norm statistics are the exception: torch moves them in the forward pass.)
        """
        raise NotImplementedError

    def before_step(self, progress: Progress) -> None:
        """Runs after backward, before the optimiser: clipping, cancelled gradients."""

    def after_step(self, progress: Progress) -> None:
        """What gradients do not do: teacher, queue, bank, prototypes."""

    def before_epoch(
        self, epoch: int, embed: Callable[[], Float[Tensor, "n d"]]
    ) -> Float[Tensor, " n"] | None:
        """Runs before each epoch; ``embed()`` gives the encoder's features of all items.

        Returns:
            Sampling weights of the items for this epoch, or None for uniform.
        """
        return None

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups for the optimiser; only parameters that should move.

        A group may carry ``lr_scale`` and ``weight_decay_scale``: numbers, or functions of a ``Progress``;
        and ``scheduled: False``, which keeps the highest rate (SimSiam's predictor).
        """
        return [{"params": [p for p in self.parameters() if p.requires_grad]}]

    def parts(self) -> dict[str, nn.Module]:
        """Named modules that are saved beside the encoder: projector, predictor, prototypes ..."""
        return {}

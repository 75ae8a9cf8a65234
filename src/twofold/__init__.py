"""Twofold: self-supervised visual representation learning, and proof of what it is worth."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twofold.apply.load import load as load

__version__ = "0.1.0"

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Imports ``load`` when it is first asked for: it brings torch."""
    if name == "load":
        from twofold.apply.load import load

        return load
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

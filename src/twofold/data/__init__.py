"""Data: from whatever the user points at to splits of decoded images."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twofold.data.opening import open_source as open_source

__all__ = ["open_source"]


def __getattr__(name: str) -> Any:
    """Imports ``open_source`` when it is first asked for: it brings torch."""
    if name == "open_source":
        from twofold.data.opening import open_source

        return open_source
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

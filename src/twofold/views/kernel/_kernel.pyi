import numpy as np
from jaxtyping import Bool, Float, Int32, Int64, Shaped, UInt8

SOURCE: str

def levels() -> list[str]: ...
def render(
    level: int,
    images: UInt8[np.ndarray, "b h w c"] | list[UInt8[np.ndarray, "_ _ c"]],
    boxes: Int64[np.ndarray, "b 4"],
    flip: Bool[np.ndarray, " b"],
    kinds: Int32[np.ndarray, "b steps"],
    amounts: Float[np.ndarray, "b steps"],
    out: Shaped[np.ndarray, "b _ _ _"],
    side: int,
    planar: bool,
    half: bool,
    /,
) -> None: ...

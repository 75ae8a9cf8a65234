"""Builds the view kernel where there is a compiler; all else about the package is in pyproject.toml."""

import runpy
from pathlib import Path

from setuptools import Extension, setup

KERNEL = Path("src/twofold/views/kernel")
source = runpy.run_path(str(KERNEL / "source.py"))["fingerprint"](KERNEL)

setup(
    ext_modules=[
        Extension(
            "twofold.views.kernel._kernel",
            sources=sorted(str(path) for path in KERNEL.glob("*.cpp")),
            depends=sorted(str(path) for path in KERNEL.glob("*.hpp")),
            define_macros=[
                ("Py_LIMITED_API", "0x030B0000"),
                ("TWOFOLD_KERNEL_SOURCE", f'"{source}"'),
            ],
            extra_compile_args=[
                "-std=c++17",
                "-O3",
                "-fvisibility=hidden",
                # What loops need to become vectors. Sums keep their order, and no NaN or infinity comes in:
                # module.cpp refuses them.
                "-fno-math-errno",
                "-fno-trapping-math",
                "-ffinite-math-only",
                "-fno-signed-zeros",
                "-ffp-contract=fast",
            ],
            extra_link_args=["-s"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

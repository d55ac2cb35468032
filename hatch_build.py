"""Compiles what an order passes in the exchange with mypyc into the wheel that is built, if RINGFENCE_COMPILE=1;
otherwise the wheel is pure. Which modules these are is told in pyproject.toml, where this hook is named.

A compiled wheel holds the sources too. An editable install gets its extension modules beside the sources; one
without the variable removes them again. Python prefers them to the sources: after an edit, install once more.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "RINGFENCE_COMPILE"
SHARED = "ringfence"  # with `__mypyc` added, the library of all modules: beside the packages, or `__file__` is wrong
FOLLOWED = ("msgspec",)  # libraries whose types mypy reads on the way

PROBE = """
#include <Python.h>
PyMODINIT_FUNC PyInit_probe(void) { return 0; }
"""


class CompileWayOfAnOrder(BuildHookInterface[BuilderConfig]):
    def dependencies(self) -> list[str]:
        if not wanted():
            return []
        followed = [one for one in self.metadata.core.dependencies if one.startswith(FOLLOWED)]
        return ["mypy>=2.4", "setuptools>=75", *followed]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        editable = version == "editable"
        if editable:
            for package in self.build_config.packages:
                for stale in (*root.glob(f"{package}/**/*"), *root.glob(f"{SHARED}__mypyc.*")):
                    if stale.suffix in (".so", ".pyd"):
                        stale.unlink()
        if not wanted():
            return
        self.scratch = TemporaryDirectory(prefix="ringfence-")  # is gone once the wheel has been written
        scratch = Path(self.scratch.name)
        if fault := no_compiler(scratch):
            sys.stderr.write(f"{VARIABLE}: no C compiler, so all stays pure Python ({fault})\n")
            return
        for name, module in compiled(root, self.config["modules"], scratch).items():
            if editable:
                (root / name).write_bytes(module.read_bytes())
            else:
                build_data["force_include"][str(module)] = name
        build_data["pure_python"] = editable
        build_data["infer_tag"] = not editable


def wanted() -> bool:
    return os.environ.get(VARIABLE, "") not in ("", "0")


def no_compiler(scratch: Path) -> str:
    """What goes wrong when C that needs Python's headers is built; empty if nothing does."""
    from setuptools import Extension
    from setuptools.errors import CCompilerError, ExecError, PlatformError

    source = scratch / "probe.c"
    source.write_text(PROBE, encoding="utf-8")
    try:
        build([Extension("probe", [str(source)])], scratch / "probe")
    except (CCompilerError, ExecError, PlatformError) as error:
        return str(error) or type(error).__name__
    return ""


def compiled(root: Path, modules: list[str], scratch: Path) -> dict[str, Path]:
    """The modules, in patterns, but for any `__init__`, and the library they share, by their names in the wheel."""
    from mypyc.build import mypycify

    # The paths are relative, as a traceback will quote them: a build runs in the root of the project.
    sources = {path for pattern in modules for path in root.glob(pattern) if path.stem != "__init__"}
    paths = [path.relative_to(root).as_posix() for path in sorted(sources)]
    options = ["--config-file=pyproject.toml", f"--cache-dir={scratch / 'cache'}"]
    extensions = mypycify(
        [*options, *paths],
        opt_level="1",  # with more the compiler takes thrice as long, and nothing is faster for it
        debug_level="0",
        multi_file=True,
        group_name=SHARED,
        target_dir=str(scratch / "c"),
    )
    return build(extensions, scratch / "compiled")


def build(extensions: list[Any], folder: Path) -> dict[str, Path]:
    """Files by their name below `folder`, which is where a wheel is to hold them."""
    from setuptools import Distribution

    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder), f"{folder}.objects"
    command.ensure_finalized()
    command.run()
    files = [Path(path) for path in command.get_outputs()]
    return {file.relative_to(folder).as_posix(): file for file in files}

"""Generate the Python modules of extauth/wire from the .proto files beside this file.

usage: generate.py DIRECTORY    (`make protos` passes the root of the project)

A module's import path follows from the path of its .proto file, its name on the wire from the `package` inside;
so `envoy.service.auth.v3` lives in extauth.wire.envoy.service.auth.v3 and no top-level `envoy` is claimed.
"""

import sys
from importlib.resources import files
from pathlib import Path

import google.rpc
from grpc_tools import protoc

PROTOS = Path(__file__).parent


def generate(output: Path) -> None:
    """Write all modules and stubs below `output`; raise RuntimeError when protoc refuses.

    No gRPC stubs: Check is served as bytes, and WatchKeys is a single method.
    """
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    includes = [PROTOS, Path(str(files("grpc_tools"))) / "_proto", Path(google.rpc.__path__[0]).parents[1]]
    plugin = Path(sys.executable).parent / "protoc-gen-mypy"
    arguments = ["protoc", *(f"-I{path}" for path in includes), f"--plugin=protoc-gen-mypy={plugin}"]
    if protoc.main([*arguments, f"--python_out={output}", f"--mypy_out=quiet:{output}", *sources]) != 0:
        raise RuntimeError("protoc refused the .proto files; its message is above")
    for source in sources:
        for package in Path(source).parents:
            if "wire" in package.parts:
                (output / package / "__init__.py").touch()


if __name__ == "__main__":
    generate(Path(sys.argv[1]))

"""`make profile`: where a sidecar under load spends its time, as a flame graph in .build/profile.svg."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from extauth.demo.supervisor import Supervisor
from tests.bench import check_path
from tests.bench.load.load import Load
from tests.bench.servers import ROOT, make_site, start_sidecar
from tests.bench.settings import LIMITS

_TARGET = ROOT / ".build" / "profile.svg"
_SAMPLES = 250  # a second
_LEAD = 1.0  # seconds of load before and after
_VIEW = ("--threads", "--function")  # a root for each thread, a box for each function and not for each line


def main() -> None:
    parser = argparse.ArgumentParser(prog="make profile", description=__doc__)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rate", type=int, default=2_000, help="checks a second")
    parser.add_argument("--limits", choices=LIMITS, default="leased")
    parser.add_argument("--transport", choices=check_path.TRANSPORTS, default="lean")
    parser.add_argument("--native", action="store_true", help="show grpcio's own functions too; slower")
    arguments = parser.parse_args()
    py_spy = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if py_spy is None:
        sys.exit("there is no py-spy for this system: make profile needs Linux or macOS on a common processor")
    with tempfile.TemporaryDirectory(prefix="extauth-bench-") as directory, Supervisor() as supervisor:
        site = make_site(supervisor, Path(directory))
        changes = {"listen": {"transport": arguments.transport}}
        server = start_sidecar(site, "sidecar", changes, traceable=True)
        variant = check_path.direct(site, arguments.limits, arguments.transport, server, limits=arguments.limits)
        options = ["--duration", str(arguments.seconds), "--rate", str(_SAMPLES), "--output", str(_TARGET), *_VIEW]
        options += ["--native"] if arguments.native else []
        with Load(variant.requests, variant.connections) as load:
            load.open_loop(arguments.rate, _LEAD)
            ended = record([py_spy, "record", "--pid", str(server.process), *options], load, arguments.rate)
    if ended.returncode != 0:
        sys.exit(f"{ended.stdout}{ended.stderr}\npy-spy may not look into the sidecar: {_REMEDY}")
    print(f"{_TARGET}: open it in a browser; click to zoom, Ctrl-F to search")


_REMEDY = "run it as root, in a container with --cap-add SYS_PTRACE, or with kernel.yama.ptrace_scope at 1 or 0"


def record(command: list[str], load: Load, rate: int) -> "subprocess.CompletedProcess[str]":
    """Run py-spy while requests keep coming."""
    _TARGET.parent.mkdir(exist_ok=True)
    found: list[subprocess.CompletedProcess[str]] = []
    thread = threading.Thread(
        target=lambda: found.append(subprocess.run(command, check=False, capture_output=True, text=True))
    )
    thread.start()
    while thread.is_alive():
        load.open_loop(rate, _LEAD)
    thread.join()
    return found[0]


if __name__ == "__main__":
    main()

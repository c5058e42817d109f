"""Send requests to a server from several clients at once: errors, seconds an answer takes, and the server's memory.

    python benchmarks/server_load.py runs/first audio_ft/assets/words/test --clients 8 --seconds 60

It starts `audio-ft serve RUN`, sends recordings of the folder in turn, and stops the server with SIGTERM while
requests run, which have to be answered. It fails with any error.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np

# How often each recording is sent before memory is first read: torch keeps what it prepared for each length.
WARM = 2


def resident(pid: int) -> float:
    """Return the memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Load:
    """Send requests until told to stop, and note how long each took and what failed."""

    def __init__(self, address: str, route: str, files: list[Path]) -> None:
        self.address, self.route, self.files = address, route, files
        self.seconds: list[float] = []
        self.errors: list[str] = []
        self.stop = threading.Event()

    def client(self, first: int) -> None:
        """Send one recording after another."""
        with httpx.Client(base_url=self.address, timeout=300) as client:
            turn = first
            while not self.stop.is_set():
                began = time.monotonic()
                try:
                    reply = client.post(self.route, files={"file": self.files[turn % len(self.files)].read_bytes()})
                    reply.raise_for_status()
                except httpx.HTTPError as error:
                    self.errors.append(str(error))
                self.seconds.append(time.monotonic() - began)
                turn += 1


def main() -> int:
    """Start the server, load it, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("folder", type=Path, help="recordings to send")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    files = [file for file in sorted(arguments.folder.iterdir()) if file.suffix in (".ogg", ".wav", ".flac")]
    command = [sys.executable, "-m", "audio_ft", "serve", arguments.run, "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline() if server.stdout else ""
        address = str(re.findall(r"http://\S+", line)[0])
        by_words = httpx.get(f"{address}/health", timeout=300).json()["predicts"] == "transcripts"
        load = Load(address, f"/v1/audio/{'transcriptions' if by_words else 'classifications'}", files)
        threads = [threading.Thread(target=load.client, args=(at * len(files) // arguments.clients,))
                   for at in range(arguments.clients)]  # fmt: skip
        for thread in threads:
            thread.start()
        warm = WARM * len(files)
        while len(load.seconds) < warm:
            time.sleep(0.05)
        load.seconds.clear()
        memory, end = [resident(server.pid)], time.monotonic() + arguments.seconds
        while time.monotonic() < end:
            time.sleep(1)
            memory.append(resident(server.pid))
        load.stop.set()
        server.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        code = server.wait()
    late = np.percentile(load.seconds, [50, 95])
    print(
        f"{arguments.clients} clients, {arguments.seconds:g} s: {len(load.seconds)} requests, {len(load.errors)} errors"
    )
    print(f"seconds an answer: median {late[0]:.2f}, 95 % {late[1]:.2f}; exit code {code}")
    thirds = [np.median(part) for part in np.array_split(memory, 3)]
    print(f"memory: {memory[0]:.0f} MB after {warm} requests, then {', '.join(f'{part:.0f}' for part in thirds)} MB "
          f"(median of each third), {max(memory):.0f} MB at most")  # fmt: skip
    print("\n".join(sorted(set(load.errors))))
    return 1 if load.errors or code else 0


if __name__ == "__main__":
    sys.exit(main())

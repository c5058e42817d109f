"""Check a report in headless Chromium: console errors, requests, a player, controls, screenshots.

    python benchmarks/report_in_browser.py runs/first/report.html shots/

Needs `chromium` on the PATH (Debian: apt-get install chromium). It fails if the page logs an error, makes a network
request, is wider than the screen, or has a first player that does not play or controls that do nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

# Screen widths: a laptop and a small phone, in CSS pixels.
SCREENS = {"desktop": (1280, 900), "phone": (375, 812)}
THEMES = ("light", "dark")
# Sections with a screenshot each; a screenshot of the whole page would be too long.
PLAY = """(async () => {
  const player = document.querySelector("audio");
  if (!player) return {there: false};
  player.scrollIntoView({block: "center"});
  player.muted = true;
  try { await player.play(); } catch (error) { return {there: true, error: String(error)}; }
  await new Promise(done => setTimeout(done, 500));
  return {there: true, at: player.currentTime, seconds: player.duration, ended: player.ended};
})()"""
# What the page's script does: a click changes colors, a filter hides rows, a click on a heading sorts.
PRESS = """(() => {
  const wrong = [];
  const toggle = document.querySelector(".theme"), colors = new Set();
  for (let press = 0; press < 3; press++) {
    colors.add(getComputedStyle(document.body).backgroundColor);
    toggle.click();
  }
  if (colors.size !== 2) wrong.push(`three presses give ${colors.size} backgrounds`);
  for (const controls of document.querySelectorAll(".controls")) {
    const field = controls.querySelector("input"), items = document.getElementById(controls.dataset.of);
    const left = () => items.querySelectorAll("[data-search]:not([hidden])").length;
    const before = left();
    for (const [text, wanted] of [["no such thing", 0], ["", before]]) {
      field.value = text;
      field.dispatchEvent(new Event("input"));
      if (left() !== wanted || !before) wrong.push(`filter ${controls.dataset.of}: ${left()} of ${before} shown`);
    }
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const head = table.querySelector("thead th");
    const rows = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
    head.querySelector("button").click();
    const up = rows();
    head.querySelector("button").click();
    if (head.getAttribute("aria-sort") !== "descending" || (new Set(up).size > 1 && up[0] === rows()[0]))
      wrong.push("a table does not sort");
  }
  return wrong;
})()"""
WIDTHS = """({
  page: document.documentElement.scrollWidth, screen: innerWidth,
  sections: [...document.querySelectorAll("main > section[id]")].map(section => section.id),
  over: [...document.querySelectorAll("body *")].filter(element =>
    element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".scroll, .broad, .unseen, svg"))
    .slice(0, 5).map(element => element.tagName + "." + element.className),
})"""


class Tab:
    """Control one tab with the DevTools protocol, and collect its log messages and requests."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.numbers = itertools.count(1)
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.loaded = asyncio.Event()
        self.problems: list[str] = []
        self.requests: list[str] = []

    async def listen(self) -> None:
        """Pass responses to the waiting calls, and collect events."""
        async for message in self.socket:
            reply = json.loads(message.data)
            if "id" in reply:
                self.waiting.pop(reply["id"]).set_result(reply)
            else:
                self.note(reply["method"], reply["params"])

    def note(self, method: str, reply: dict[str, Any]) -> None:
        """Collect an event that reports a problem or a request."""
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.problems.append(str(reply["exceptionDetails"].get("exception", reply["exceptionDetails"])))
        elif method == "Runtime.consoleAPICalled" and reply["type"] in ("error", "warning", "assert"):
            self.problems.append(f"console.{reply['type']}: {[value.get('value') for value in reply['args']]}")
        elif method == "Log.entryAdded" and reply["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{reply['entry']['source']}: {reply['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(reply["request"]["url"][:100])

    async def call(self, method: str, **settings: Any) -> Any:
        """Return the result of a command."""
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": settings})
        reply = await asyncio.wait_for(self.waiting[number], 60)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    async def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        reply = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in reply:
            raise RuntimeError(str(reply["exceptionDetails"]))
        return reply["result"].get("value")


@contextlib.asynccontextmanager
async def browser(*options: str) -> AsyncIterator[Tab]:
    """Start Chromium with one empty tab and further options, and stop it at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        alone = ["--no-sandbox"] if os.geteuid() == 0 else []
        process = await asyncio.create_subprocess_exec(
            "chromium", "--headless=new", *alone, "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
            f"--user-data-dir={profile}", "--hide-scrollbars", *options, "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = await _port(Path(profile) / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                    pages = [page for page in await answer.json() if page["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    tab = Tab(socket)
                    listening = asyncio.create_task(tab.listen())
                    for domain in ("Page", "Runtime", "Log", "Network"):
                        await tab.call(f"{domain}.enable")
                    yield tab
                    listening.cancel()
        finally:
            process.terminate()
            await process.wait()


async def _port(file: Path) -> int:
    for _ in range(300):
        if file.is_file() and (lines := file.read_text().split()):
            return int(lines[0])
        await asyncio.sleep(0.1)
    raise RuntimeError("Chromium did not start within 30 seconds.")


async def look(report: Path, folder: Path) -> list[str]:
    """Check a report at every width and in every theme, and return the problems."""
    problems: list[str] = []
    async with browser() as tab:
        for (screen, (width, height)), theme in itertools.product(SCREENS.items(), THEMES):
            await tab.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                mobile=screen == "phone",
            )  # fmt: skip
            await tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
            tab.loaded.clear()
            await tab.call("Page.navigate", url=report.resolve().as_uri())
            await asyncio.wait_for(tab.loaded.wait(), 60)
            sizes = await tab.value(WIDTHS)
            if sizes["page"] > sizes["screen"]:
                problems.append(
                    f"{screen}: the page is {sizes['page']} px wide on {sizes['screen']} px: {sizes['over']}"
                )
            for section in ("", *sizes["sections"]):
                await photograph(tab, folder / f"{screen}-{theme}-{section or 'top'}.png", section, width, height)
        played = await tab.value(PLAY)
        print(f"first player: {played}")
        if played["there"] and (played.get("error") or not (played["at"] > 0 or played["ended"])):
            problems.append(f"the first player does not play: {played}")
        problems += await tab.value(PRESS)
        outside = [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))]
        problems += tab.problems + [f"requests {url}" for url in outside]
    return problems


async def photograph(tab: Tab, file: Path, section: str, width: int, height: int) -> None:
    """Write a screenshot of one section, or of the top of the page."""
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    if section:
        place = await tab.value(
            f"(() => {{ const box = document.getElementById({json.dumps(section)}).getBoundingClientRect();"
            " return {y: box.top + scrollY, height: box.height}; })()"
        )
        clip |= {"y": place["y"], "height": min(place["height"], 4000)}
    reply = await tab.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
    file.write_bytes(base64.b64decode(reply["data"]))


def main() -> int:
    """Check one report and print the problems."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("shots", type=Path, help="folder for the screenshots")
    arguments = parser.parse_args()
    if not arguments.report.is_file():
        parser.error(f"there is no {arguments.report}; `audio-ft report RUN` writes one")
    arguments.shots.mkdir(parents=True, exist_ok=True)
    problems = asyncio.run(look(arguments.report, arguments.shots))
    print(f"{arguments.report}: {arguments.report.stat().st_size / 1e6:.2f} MB")
    print(
        "\n".join(problems)
        or "nothing wrong: no console error, no request, no page wider than its screen, no dead control"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""Try the page of a running server in headless Chromium: a file, the microphone, console errors, requests, screenshots.

    audio-ft serve runs/speech &
    python benchmarks/server_in_browser.py http://127.0.0.1:8000 talk.wav shots/

Chromium's microphone plays the same file. It fails if the page logs an error, asks another host for something, is wider
than the screen, or shows no answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from report_in_browser import SCREENS, THEMES, WIDTHS, Tab, browser, photograph

# How long an answer may take (s): the models are small, and the recording is short.
PATIENCE = 120
# How long the microphone records (s).
SPOKEN = 4.0


async def answered(tab: Tab) -> str:
    """Wait for the answer and return its text."""
    for _ in range(PATIENCE * 5):
        if text := await tab.value("document.getElementById('answer').innerText"):
            return str(text)
        await asyncio.sleep(0.2)
    return ""


async def send_file(tab: Tab, recording: Path) -> str:
    """Choose a file as a user does, and return the answer."""
    tree = await tab.call("DOM.getDocument")
    field = await tab.call("DOM.querySelector", nodeId=tree["root"]["nodeId"], selector="#recording")
    await tab.call("DOM.setFileInputFiles", nodeId=field["nodeId"], files=[str(recording)])
    return await answered(tab)


async def speak(tab: Tab, button: str) -> str:
    """Press a button, speak, press it again, and return the answer."""
    await tab.value("document.getElementById('answer').replaceChildren()")
    await tab.value(f"document.getElementById('{button}').click()")
    await asyncio.sleep(SPOKEN)
    await tab.value(f"document.getElementById('{button}').click()")
    return await answered(tab)


async def look(address: str, recording: Path, shots: Path) -> list[str]:
    """Try the page at every width and in every theme, and return the problems."""
    problems = []
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={recording}")  # fmt: skip
    async with browser(*fake) as tab:
        for screen, (width, height) in SCREENS.items():
            await tab.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                mobile=screen == "phone",
            )  # fmt: skip
            tab.loaded.clear()
            await tab.call("Page.navigate", url=address)
            await asyncio.wait_for(tab.loaded.wait(), 60)
            for way in (send_file(tab, recording), speak(tab, "record"), speak(tab, "live")):
                found = await way
                print(f"{screen}: {json.dumps(found[:200])}")
                if not found or "notice" in await tab.value("document.getElementById('answer').innerHTML"):
                    problems.append(f"{screen}: no answer but {found!r}")
            for theme in THEMES:
                scheme = {"name": "prefers-color-scheme", "value": theme}
                await tab.call("Emulation.setEmulatedMedia", features=[scheme])
                await photograph(tab, shots / f"{screen}-{theme}.png", "", width, height)
            sizes = await tab.value(WIDTHS)
            if sizes["page"] > sizes["screen"]:
                problems.append(f"{screen}: {sizes['page']} px wide on {sizes['screen']} px: {sizes['over']}")
        here = (address, "data:", "blob:")
        return problems + tab.problems + [f"requests {url}" for url in tab.requests if not url.startswith(here)]


def main() -> int:
    """Try one server and print the problems."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("address")
    parser.add_argument("recording", type=Path, help="a .wav")
    parser.add_argument("shots", type=Path, help="folder for the screenshots")
    arguments = parser.parse_args()
    arguments.shots.mkdir(parents=True, exist_ok=True)
    problems = asyncio.run(look(arguments.address, arguments.recording.resolve(), arguments.shots))
    print("\n".join(problems) or "nothing wrong: answers by file, microphone and live, no console error, no other host")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

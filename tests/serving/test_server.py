"""A model over HTTP: OpenAI's own client, limits with one sentence each, and a stop that finishes what runs."""

from __future__ import annotations

import http.client
import io
import json
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
from checkpoints import speech, tiny_checkpoint, transcriber
from pages import Page
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.errors import InputError
from audio_ft.inference.predictor import Prediction
from audio_ft.serving import limits
from audio_ft.serving.desk import Desk
from audio_ft.serving.http import bound, server_of
from audio_ft.serving.limits import Limits
from audio_ft.targets import Label

WORD = next(iter(sorted((Path(__file__).parents[2] / "audio_ft" / "assets" / "words" / "test").glob("*.ogg"))))
ROUTE = "/v1/audio/classifications"


@contextmanager
def served(model, name="model", most=Limits()):  # noqa: B008  (frozen)
    """Serve a model at a free port, and yield the address and the server."""
    with bound("127.0.0.1", 0) as at:
        server = server_of(Desk(model, name, most))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{at.getsockname()[1]}", server
        finally:
            server.should_exit = True
            thread.join()


class Slow:
    """Predict once it is allowed to."""

    def __init__(self):
        self.go, self.task = threading.Event(), self
        self.target = Label(("a", "b"))

    def facts(self):
        return {}

    def __call__(self, clip, **options):
        assert self.go.wait(20)
        return Prediction.of({"a": 0.75, "b": 0.25}, ("silent: nothing is said",), clip.seconds)


def wav(seconds, *, channels=1):
    clip, buffer = aft.Clip.tone(440, seconds), io.BytesIO()
    import soundfile

    soundfile.write(buffer, clip.samples.repeat(channels, axis=0).T, clip.rate, format="WAV")
    return buffer.getvalue()


def sentence(reply):
    return reply.json()["error"]["message"]


@pytest.fixture(scope="module")
def scribbler(tmp_path_factory):
    return transcriber(tiny_checkpoint("wav2vec2-layer", tmp_path_factory.mktemp("tiny")), ctc=True)


def test_openai_s_client_gets_transcripts_in_all_formats(scribbler, tmp_path):
    aft.Clip(speech(3 * 16_000), 16_000).write(tmp_path / "a.wav")
    expected = scribbler(tmp_path / "a.wav")
    timed = scribbler(tmp_path / "a.wav", words=True)
    with served(scribbler, "speech") as (address, _):
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
        assert [model.id for model in client.models.list()] == ["speech"]

        def asked(**options):
            return client.audio.transcriptions.create(file=tmp_path / "a.wav", model="speech", **options)

        assert asked().text == expected["text"] != ""
        assert asked(response_format="text").strip() == expected["text"]
        assert asked(response_format="srt").startswith("1\n00:00:00,")
        assert asked(response_format="vtt").startswith("WEBVTT\n\n00:00:0")
        verbose = asked(response_format="verbose_json", timestamp_granularities=["word", "segment"], language="en")
        assert (verbose.text, verbose.language, verbose.duration) == (timed["text"], "en", 3.0)
        assert [(one.start, one.end, one.text) for one in verbose.segments] == [
            (one["start"], one["end"], one["text"]) for one in timed["segments"]
        ]
        words = [word for segment in timed["segments"] for word in segment["words"]]
        assert [(one.word, one.start, one.end) for one in verbose.words] == [
            (one["text"], one["start"], one["end"]) for one in words
        ]
        for options, status, reason in [
            ({"language": "fr"}, 422, "start it with --language 'fr'"),
            ({"temperature": 0.7}, 422, "does not sample"),
            ({"timestamp_granularities": ["word"]}, 422, "need response_format verbose_json"),
            ({"prompt": "doors"}, 422, "There is no field 'prompt'"),
            ({"extra_body": {"response_format": "doc"}}, 422, "response_format: Input should be 'json', 'text'"),
            ({"extra_body": {"model": "whisper-1"}}, 404, "There is no model 'whisper-1' here; this server has"),
        ]:
            with pytest.raises(openai.APIStatusError) as refused:
                asked(**options)
            assert refused.value.status_code == status
            assert reason in refused.value.body["message"]
        client.close()


def test_labels_are_those_of_the_model_and_what_is_wrong_is_one_sentence(small_run):
    model = aft.load(small_run)
    expected = model(WORD)
    with served(model, "<small>", Limits(seconds=5)) as (address, _), httpx.Client(base_url=address) as client:
        found = client.post(ROUTE, files={"file": WORD.read_bytes()}).json()
        assert found["labels"] == pytest.approx(dict(expected))
        assert found["duration"] == pytest.approx(expected.seconds, abs=1e-3)
        two = client.post(ROUTE, files={"file": WORD.read_bytes()}, data={"top_k": 2}).json()
        assert list(two["labels"]) == list(expected)[:2]
        assert client.post(ROUTE, files={"file": wav(0.01)}).json()["notes"][0].startswith("short:")
        assert client.get("/health").json() == {"status": "ok", "model": "<small>", "predicts": "one label"}
        for files, data, reason in [
            ({"file": b"hello"}, {}, "The recording cannot be used: not audio."),
            ({"file": b""}, {}, "The recording cannot be used: empty file."),
            ({"file": WORD.read_bytes()[:200]}, {}, "The recording cannot be used: "),
            ({"file": wav(6)}, {}, "The recording cannot be used: longer than 5.00 s, the most that is accepted."),
            ({"file": WORD.read_bytes()}, {"top_k": 0}, "top_k: Input should be greater than or equal to 1."),
            ({"\x1b[2J": b""}, {}, "file: send the recording as a file"),
            ({}, {"file": "text"}, "file: send the recording as a file of a form (multipart/form-data)."),
        ]:
            reply = client.post(ROUTE, files=files, data=data)
            assert reply.status_code == 422
            assert sentence(reply).startswith(reason)
        broken = client.post(ROUTE, content=b"no", headers={"content-type": "multipart/form-data; boundary=x"})
        assert (broken.status_code, "Invalid multipart" in sentence(broken)) == (400, True)
        wrong = client.post("/v1/audio/transcriptions", files={"file": wav(1)})
        assert wrong.status_code == 404
        assert sentence(wrong) == "<small> predicts one label; send it to /v1/audio/classifications."
        assert "GET /openapi.json lists" in sentence(client.get("/v1/audio/speech"))
        assert ROUTE in client.get("/openapi.json").json()["paths"]
        page = Page(client.get("/").text)
    assert not page.problems
    assert "<small>" in page.text
    assert not [tag for tag, attributes in page.tags if "src" in attributes or (tag == "link" and
                not attributes["href"].startswith("data:"))]  # fmt: skip


def test_more_bytes_requests_or_patience_than_allowed_are_refused(monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", 0.5)
    model = Slow()
    with served(model, most=Limits(bytes=40_000, requests=2)) as (address, server):
        client = httpx.Client(base_url=address, timeout=20)
        large = {"file": wav(2)}
        too_large = "The request is larger than 40.0 kB, the most that is accepted."
        assert sentence(client.post(ROUTE, files=large)) == too_large
        parts = [b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n', *[b"x" * 30_000] * 3]
        kind = {"content-type": "multipart/form-data; boundary=x"}  # without a length
        pieces = client.post(ROUTE, content=iter(parts), headers=kind)
        assert (pieces.status_code, sentence(pieces)) == (413, too_large)
        replies = []
        waiting = [threading.Thread(target=lambda: replies.append(client.post(ROUTE, files={"file": wav(1)})))
                   for _ in range(2)]  # fmt: skip
        gate = server.config.app
        for thread in waiting:
            thread.start()
        while gate.running < 2:
            time.sleep(0.01)
        full = client.post(ROUTE, files={"file": wav(1)})
        assert (full.status_code, full.headers["retry-after"]) == (429, "1")
        assert sentence(full) == "The server has 2 requests to answer, the most it takes; send this one again later."
        assert client.get("/health").status_code == 200
        model.go.set()
        for thread in waiting:
            thread.join()
        assert [reply.json() for reply in replies] == [
            {"labels": {"a": 0.75, "b": 0.25}, "duration": 1.0, "notes": ["silent: nothing is said"]}
        ] * 2
        silent = http.client.HTTPConnection(address.removeprefix("http://"))
        silent.putrequest("POST", ROUTE)
        silent.putheader("content-length", "1000")
        silent.putheader("content-type", kind["content-type"])
        silent.endheaders(b"--x")
        refused = silent.getresponse()
        assert refused.status == 408
        client.close()
        assert "Nothing was received for 0.5 s" in json.loads(refused.read())["error"]["message"]
        silent.close()
    with pytest.raises(InputError, match="limit of requests"):
        Limits(requests=0)


def test_live_audio_gets_messages_while_it_is_sent(small_run):
    said = [aft.Clip.silence(1.0).samples[0], aft.read(WORD).samples[0], aft.Clip.silence(1.0).samples[0]]
    samples = (np.concatenate(said) * 32_767).astype("<i2").tobytes()
    with served(aft.load(small_run), most=Limits(seconds=4, requests=1)) as (address, server):
        place = f"{address.replace('http', 'ws')}/v1/audio/stream"
        with connect(place) as socket:
            for at in range(0, len(samples), 3_200):
                socket.send(samples[at : at + 3_200])
            first = json.loads(socket.recv(20))
            with connect(place) as other:
                assert "the most it takes" in json.loads(other.recv(20))["message"]
            socket.send("end")
            with pytest.raises(ConnectionClosedOK):
                socket.recv(20)
        assert (first["type"], first["start"] > 0.9, len(first["labels"])) == ("turn", True, 8)
        for query, sent, reason in [
            ("?rate=1", None, "rate: expected 8,000 to 192,000 Hz, got 1."),
            ("", b"abc", "Send samples of 16 bits"),
            ("", "hello", "Send samples of 16 bits"),
            ("", b"\0" * 160_000, "The stream is longer than 4.00 s, the most that is accepted."),
        ]:
            while server.config.app.running:
                time.sleep(0.01)
            with connect(place + query) as socket:
                if sent is not None:
                    socket.send(sent)
                assert json.loads(socket.recv(20))["message"].startswith(reason)


def test_a_stop_finishes_what_runs_and_takes_nothing_new():
    model, replies = Slow(), []
    with served(model) as (address, server):
        asking = threading.Thread(target=lambda: replies.append(httpx.post(address + ROUTE, files={"file": wav(1)})))
        asking.start()
        while not server.config.app.running:
            time.sleep(0.01)
        server.should_exit = True
        refused = server.config.app._why_not({})
        assert (refused.status, refused.sentence) == (503, "The server is stopping; send the request again later.")
        model.go.set()
        asking.join()
    assert replies[0].json()["labels"] == {"a": 0.75, "b": 0.25}
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_failure_of_the_program_is_one_sentence_and_the_server_goes_on():
    model = Slow()
    model.go.wait = None
    with served(model) as (address, _):
        reply = httpx.post(address + ROUTE, files={"file": wav(1)})
        assert (reply.status_code, sentence(reply)) == (500, "The server failed with this request; its log says why.")
        assert httpx.get(address + "/health").status_code == 200


def test_the_command_says_where_it_listens_and_what_it_lacks(small_run, monkeypatch, capsys):
    import uvicorn

    def stopped(server, sockets):
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", stopped)
    assert cli.main(["serve", str(small_run), "--port", "0", "--host", "::1"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("serving small at http://[::1]:")
    assert "warning: whoever reaches ::1 can use the model." in shown.err
    with bound("127.0.0.1", 0) as taken:
        assert cli.main(["serve", str(small_run), "--port", str(taken.getsockname()[1])]) == 2
    assert "give another --port" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert cli.main(["serve", str(small_run), "--port", "0"]) == 2
    assert "pip install 'audio-ft[serve]'" in capsys.readouterr().err

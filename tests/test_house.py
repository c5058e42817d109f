"""Every module keeps the house rules; which room may import which is checked by import-linter in `make check`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "audio_ft"

HEAVY = {"accelerate", "av", "datasets", "evaluate", "librosa", "matplotlib", "pandas", "pyarrow", "scipy", "sklearn"}
HEAVY |= {"soundfile", "torch", "transformers"}
# Classes need their bases when the module is imported, so these are themselves imported inside functions only.
HEAVY_AT_THE_TOP = {
    "models/autoencoder.py": "a torch.nn.Module subclass",
    "models/self_supervised.py": "torch.nn.Module subclasses",
    "models/padding.py": "torch.nn.Module subclasses",
    "training/weights/ema.py": "a transformers.TrainerCallback subclass",
    "training/weights/freeze.py": "a transformers.TrainerCallback subclass",
    "training/steps/callbacks.py": "transformers.TrainerCallback subclasses",
    "training/steps/pace.py": "a transformers.TrainerCallback subclass",
    "metrics/classification.py": "subclasses of the metric below",
    "metrics/base.py": "an evaluate.Metric subclass",
    "metrics/events.py": "subclasses of the same",
    "metrics/regression.py": "subclasses of the same",
    "metrics/transcription.py": "subclasses of the same",
    "training/steps/sampler.py": "a torch.utils.data.Sampler subclass",
    "training/steps/stream_order.py": "the same, and a subclass of it",
    "models/estimator.py": "a torch.nn.Module and a transformers.PreTrainedConfig subclass",
    "models/pooling.py": "torch.nn.Module subclasses",
    "models/small.py": "the same, and transformers.PreTrainedModel subclasses",
    "training/steps/trainer.py": "a transformers.Trainer subclass",
    "training/timed/time_limit.py": "a transformers.TrainerCallback subclass",
    "models/front_end.py": "torch.nn.Module subclasses",
    "inference/exported.py": "a torch.nn.Module subclass",
    "exporting/ctranslate2.py": "a torch.nn.Module subclass",
    "exporting/estimator.py": "torch.nn.Module subclasses",
    "exporting/graph.py": "a torch.nn.Module subclass",
    "exporting/layers.py": "a torch.nn.Module subclass",
    "exporting/program.py": "a torch.nn.Module subclass",
    "exporting/whisper.py": "torch.nn.Module subclasses",
    "training/tuning/pruning.py": "a transformers.TrainerCallback subclass",
    "training/steps/checkpoint_upload.py": "a transformers.TrainerCallback subclass",
}
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "misc"}
# What is done in one file only, by the calls that do it.
ONE_PLACE = {
    "os.replace": "file_io.py", "os.rename": "file_io.py", "tempfile.mkstemp": "file_io.py",
    "tempfile.NamedTemporaryFile": "file_io.py", "os.fsync": "file_io.py",
    "torch.cuda.is_available": "system/machine.py", "torch.accelerator.is_available": "system/machine.py",
    "torch.cuda.get_device_name": "system/machine.py", "ProcessPoolExecutor": "parallel.py",
}  # fmt: skip
# What reads other people's files may run their code: one place has the arguments that forbid it.
GUARDED = {
    "from_pretrained": "models/load.py", "from_config": "models/weights.py", "load_dataset": "data/readers/arrow.py",
    "load_dataset_builder": "data/readers/arrow.py", "load_from_disk": "data/readers/arrow.py",
    "torch.load": "models/weights.py",
}  # fmt: skip
# Makes a table of vectors and reads nothing.
HARMLESS = {"torch.nn.Embedding.from_pretrained"}
MOST_FILES_ON_TOP = 12
LONGEST_FUNCTION = 60
LONGEST_FILE = 300

Parsed = dict[Path, ast.Module]


def parse(package: Path) -> Parsed:
    """Return every module of a package by its path below the package."""
    return {path.relative_to(package): ast.parse(path.read_text("utf-8")) for path in sorted(package.rglob("*.py"))}


def module_name(path: Path) -> str:
    """Return the dotted name of a file: steps/trim.py is audio_ft.cleaning.steps.trim."""
    return ".".join(("audio_ft", *path.with_suffix("").parts)).removesuffix(".__init__")


def targets(node: ast.AST, modules: set[str]) -> Iterator[str]:
    """Yield the modules of audio_ft that one node imports, by statement or by import_module with a plain name."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "audio_ft")
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "audio_ft":
        for name in (alias.name for alias in node.names):
            inner = f"{node.module}.{name}"
            if inner in modules:
                yield inner
            else:
                yield str(node.module)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        argument = node.args[0] if node.args else None
        if isinstance(argument, ast.Constant) and str(argument.value).split(".")[0] == "audio_ft":
            yield str(argument.value)


def runtime_top(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is imported: not inside functions, not under TYPE_CHECKING."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def circular(parsed: Parsed) -> Iterator[str]:
    """Yield a sentence for each circle of import statements, type-checking ones included."""
    modules = {module_name(path) for path in parsed}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for path, tree in parsed.items():
        statements = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
        graph[module_name(path)].update(target for node in statements for target in targets(node, modules))
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> Iterator[str]:
        if module in trail:
            yield "imports go in a circle: " + " > ".join([*trail[trail.index(module) :], module])
        elif module not in done:
            for target in sorted(graph.get(module, ())):
                yield from visit(target, [*trail, module])
            done.add(module)

    for module in sorted(graph):
        yield from visit(module, [])


def heavy(parsed: Parsed) -> Iterator[str]:
    """Yield a sentence for each module whose import pulls in a heavy library."""
    modules = {module_name(path) for path in parsed}
    exempt = {module_name(Path(path)) for path in HEAVY_AT_THE_TOP}
    for path, tree in parsed.items():
        listed = path.as_posix() in HEAVY_AT_THE_TOP
        for node in runtime_top(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            pulled = HEAVY & {name.split(".")[0] for name in names}
            if pulled and not listed:
                yield f"{path}:{node.lineno} imports {', '.join(sorted(pulled))} at the top: move it into the function"
            if module_name(path) not in exempt and exempt & set(targets(node, modules)):
                yield f"{path}:{node.lineno} imports a heavy module of ours at the top: move it into the function"


def against_the_rules(parsed: Parsed) -> Iterator[str]:
    """Yield a sentence for each print outside the command line, bare except and name that says nothing."""
    for path, tree in parsed.items():
        if EMPTY_NAMES & {path.stem, *path.parent.parts}:
            yield f"{path} has a name that says nothing: name it after its one idea"
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                yield f"{path}:{node.lineno} has a bare except: name what may go wrong"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print" and path.as_posix() != "cli/main.py":
                yield f"{path}:{node.lineno} prints: only cli/main.py talks to the terminal, the rest logs"


def done_elsewhere(parsed: Parsed) -> Iterator[str]:
    """Yield a sentence for each call that belongs into one file, outside of it."""
    for path, tree in parsed.items():
        for node in ast.walk(tree):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if path.as_posix() != ONE_PLACE.get(called, path.as_posix()):
                yield f"{path}:{node.lineno} calls {called}: use what {ONE_PLACE[called]} offers"


def may_run_code(parsed: Parsed) -> Iterator[str]:
    """Yield a sentence for each use of a loader of other people's files outside its place, in programs in text too."""
    for path, tree in parsed.items():
        for node in ast.walk(tree):
            used = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            name = next((name for name in GUARDED if f".{used}".endswith(f".{name}")), "")
            if name and used not in HARMLESS and path.as_posix() != GUARDED[name]:
                yield f"{path}:{node.lineno} uses {used}: use what {GUARDED[name]} offers"
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code" and ast.unparse(node.value) != "False":
                yield f"{path}:{node.value.lineno} lets a repository's code run"
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            for line in text.splitlines():
                if ".from_pretrained(" in line and "trust_remote_code=False" not in line:
                    yield f"{path}:{node.lineno} has a program that may run a repository's code: {line.strip()}"


def too_long(parsed: Parsed, package: Path) -> Iterator[str]:
    """Yield a sentence for each file and function that has outgrown one idea."""
    for path, tree in parsed.items():
        lines = len((package / path).read_text("utf-8").splitlines())
        if lines > LONGEST_FILE:
            yield f"{path} has {lines} lines, {LONGEST_FILE} allowed: it holds two ideas, part them"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    yield f"{path}:{node.lineno} {node.name} has {length} lines, {LONGEST_FUNCTION} allowed: part it"


@pytest.fixture(scope="module")
def house() -> Parsed:
    parsed = parse(PACKAGE)
    assert Path("errors.py") in parsed
    return parsed


@pytest.mark.parametrize("rule", [circular, heavy, against_the_rules, done_elsewhere, may_run_code])
def test_the_package_keeps_the_rule(house: Parsed, rule: Callable[[Parsed], Iterator[str]]):
    problems = list(rule(house))
    assert not problems, "\n" + "\n".join(problems)


def test_files_and_functions_hold_one_idea(house: Parsed):
    problems = list(too_long(house, PACKAGE))
    assert not problems, "\n" + "\n".join(problems)


def test_files_of_tests_have_names_of_their_own():
    """Pytest imports a file of tests by its bare name, so a second one of that name ends the collection."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_few_files_lie_on_top(house: Parsed):
    assert len([path for path in house if len(path.parts) == 1]) <= MOST_FILES_ON_TOP


def test_the_exemptions_are_needed(house: Parsed):
    strict = {Path(path): tree for path, tree in house.items() if path.as_posix() in HEAVY_AT_THE_TOP}
    assert {path.as_posix() for path in strict} == set(HEAVY_AT_THE_TOP)
    for path, tree in strict.items():
        assert list(heavy({Path("clip.py"): tree})), f"{path} no longer needs its place in HEAVY_AT_THE_TOP"


@pytest.mark.parametrize(
    ("rule", "files", "sentence"),
    [
        (
            circular,
            {"audio/clip.py": "import audio_ft.audio.vad", "audio/vad.py": "import audio_ft.audio.clip"},
            "circle",
        ),
        (heavy, {"clip.py": "try:\n    import torch.nn\nexcept ImportError:\n    pass"}, "torch"),
        (heavy, {"clip.py": "class A:\n    from scipy import signal"}, "scipy"),
        (
            heavy,
            {"train.py": "from audio_ft.training.steps.trainer import T", "training/steps/trainer.py": ""},
            "heavy module of ours",
        ),
        (against_the_rules, {"run.py": "def f():\n    print('done')"}, "prints"),
        (against_the_rules, {"run.py": "try:\n    pass\nexcept:\n    pass"}, "bare except"),
        (against_the_rules, {"steps/utils.py": ""}, "says nothing"),
        (done_elsewhere, {"run.py": "import os\nos.replace('a', 'b')"}, "use what file_io.py offers"),
        (may_run_code, {"run.py": "AutoModel.from_pretrained('a')"}, "use what models/load.py offers"),
        (may_run_code, {"run.py": "load = AutoModel.from_pretrained"}, "use what models/load.py offers"),
        (may_run_code, {"run.py": "torch.load('a')"}, "use what models/weights.py offers"),
        (may_run_code, {"run.py": "f(trust_remote_code=True)"}, "lets a repository's code run"),
        (may_run_code, {"run.py": "P = 'A.from_pretrained(x)'"}, "has a program"),
    ],
)
def test_each_rule_finds_its_breach(rule: Callable[[Parsed], Iterator[str]], files: dict[str, str], sentence: str):
    problems = list(rule({Path(path): ast.parse(text) for path, text in files.items()}))
    assert len(problems) == 1
    assert sentence in problems[0]


def test_a_long_file_and_a_long_function_are_found(tmp_path: Path):
    (tmp_path / "run.py").write_text("def f():\n" + "    pass\n" * LONGEST_FUNCTION + "\n" * LONGEST_FILE)
    assert len(list(too_long(parse(tmp_path), tmp_path))) == 2


@pytest.mark.parametrize(
    ("rule", "files"),
    [
        (heavy, {"clip.py": "if TYPE_CHECKING:\n    import torch\ndef f():\n    import torch"}),
        (against_the_rules, {"cli/main.py": "print('hello')"}),
        (may_run_code, {"models/whisper.py": "torch.nn.Embedding.from_pretrained(table)"}),
        (may_run_code, {"models/load.py": "A.from_pretrained('a', trust_remote_code=False)"}),
        (done_elsewhere, {"file_io.py": "import os\nos.replace('a', 'b')", "run.py": "text.replace('a', 'b')"}),
    ],
)
def test_what_is_allowed_passes(rule: Callable[[Parsed], Iterator[str]], files: dict[str, str]):
    assert not list(rule({Path(path): ast.parse(text) for path, text in files.items()}))


def test_progress_bars_come_from_one_place(house: Parsed):
    """It hides them where there is no terminal; a bar of one's own writes carriage returns into logs."""
    own = {"parallel.py", "cli/live.py"}
    makers = {path.as_posix() for path, tree in house.items() if "from tqdm" in ast.unparse(tree)}
    assert makers == own

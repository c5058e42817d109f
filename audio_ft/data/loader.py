"""Load a folder, a manifest or a data set of the Hub as undecoded rows in train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from audio_ft.data import pseudo_labels, sources
from audio_ft.data.loaded import Loaded
from audio_ft.data.mixture import Parts, draws_of, members, united, with_shares
from audio_ft.data.parts.gather import one_row_each
from audio_ft.data.parts.rows import cut
from audio_ft.data.parts.same_recording import inseparable
from audio_ft.data.rights import rights_in
from audio_ft.data.rows import Rows, Source, whole_keys
from audio_ft.data.shards import is_shards
from audio_ft.data.shards.load import load_shards
from audio_ft.data.spec import Data
from audio_ft.data.splitting import splits
from audio_ft.data.splitting.folds import in_folds, unused_folds, uses_folds
from audio_ft.data.table import columns
from audio_ft.data.table.find_target import target_column, transcripts_instead
from audio_ft.data.table.name_patterns import group_from_folders, group_from_names, speakers_in_names
from audio_ft.data.table.read_targets import read_targets, refuse_unknown
from audio_ft.data.table.tables import tables_of
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.targets import Label, Labels, Number, Target
from audio_ft.targets.cells import as_text

# Kinds of target to try for classification; the last one takes whatever the others do not recognize.
ANY_CLASSES: tuple[type[Target], ...] = (Labels, Number, Label)
# A split whose share differs by more than this from the requested one gets a warning.
_UNEVEN = 0.05


def load(
    data: Data,
    *,
    targets: Sequence[type[Target]] = ANY_CLASSES,
    need: Sequence[str] = splits.SPLITS,
    known: Target | None = None,
    together: bool = False,
) -> Loaded:
    """Read data, find its columns and its splits, and return undecoded rows.

    Args:
        data: where the recordings are.
        targets: the kinds of target to try, in order.
        need: the splits to return. Existing ones are kept; missing ones are made from train. If a single split is
            requested of data without splits, it is all of the data.
        known: a model's target; no other kind is tried then, and other labels are refused.
        together: whether all rows are in train, whatever splits the data has.

    Raises:
        InputError: the data cannot be used; the message names file or column and how to fix it. TranscriptsFound:
            there are no labels, which were asked for, but transcripts.
    """
    if not need or any(name not in splits.SPLITS for name in need):
        raise InputError(f"split: expected some of {', '.join(splits.SPLITS)}, got {', '.join(need) or 'none'}")
    wanted = tuple(targets) if known is None else (type(known),)
    if data.sources is not None:
        own = members(data)
        parts = united({name: _read(one, wanted, need, known, together) for name, one in own.items()}, own)
        return _loaded(parts, known, {name: one.weight for name, one in own.items()}, data.temperature)
    if data.weight != 1:
        raise InputError("data.weight is for one of several sources; give several (--data A --data B), or leave it out")
    if is_shards(data.path):
        if data.language_column is not None or data.temperature != 1:
            raise InputError(
                "data.language_column and data.temperature are for recordings, and these are shards; give the raw "
                "recordings (plan.json names them), with data.streaming=true to keep no copy of them."
            )
        return load_shards(data, wanted, need, known, together)
    return _loaded(_read(data, wanted, need, known, together), known, {}, data.temperature)


def _read(
    data: Data, wanted: tuple[type[Target], ...], need: Sequence[str], known: Target | None, together: bool
) -> Parts:
    """Return the splits of one source, or raise an error that offers its transcripts where it has no labels."""
    if is_shards(data.path):
        raise InputError(
            f"{data.path}: shards are read alone; of several sources give the raw recordings (plan.json names them)."
        )
    try:
        return _parts(data, wanted, need, known, together)
    except InputError as error:
        found = transcripts_instead(data) if known is None and wanted[-1].implied_by == "label" else None
        if found is None:
            raise
        raise found from error


def _parts(
    data: Data, wanted: tuple[type[Target], ...], need: Sequence[str], known: Target | None, together: bool
) -> Parts:
    """Read data whose targets are of one of the `wanted` kinds."""
    source = sources.read(data, classes=wanted[-1].implied_by == "label")
    folded = uses_folds(data)
    rows = source.rows.in_splits("train") if folded or together else sources.select_splits(data, source.rows, need)
    rows, column, how = target_column(rows, data, wanted[-1], source)
    rows, as_parts, cut_notes = cut(
        rows, data, (source.audio, column), prepared=source.chain is not None, tracks=source.parts
    )
    rows, kind, reading, read = read_targets(rows, column, data, wanted, source, known, how)
    reading = "; ".join(filter(None, (reading, as_parts)))
    group, groups, group_notes = _groups(rows, data, column, source)
    group, rows, gathering = one_row_each(group, replace(rows, groups=groups), kind, data.path)
    names = kind.names_in(rows.targets)
    rows, folds, giver = in_folds(data, rows, kind, group) if folded else (rows, (), source.splits_from)
    parts, rule, split_notes = _splits(rows.by_split(), need, data, kind, group, giver)
    rights, rights_notes = rights_in(rows.columns, {column, group, source.audio})
    if source.rows.split_names == ("",) and len(need) == 1 and not folded:
        rule = f"no splits in the data: all of it used as {need[0]}"
    if known:
        refuse_unknown(names, known)
    parts, unsaid = _with_languages(parts, data)
    seen = kind.names_in(parts["train"].targets) if "train" in parts else names
    keyed = {name: (split.targets, split.keys) for name, split in parts.items()}
    notes = [*source.notes, *cut_notes, *read, *group_notes, *kind.warnings(keyed, known.names if known else seen)]
    notes += [*_repeated(parts), *split_notes, *rights_notes, *gathering, *_unused(source, rows, folded), *unsaid]
    if data.limit is not None:
        parts = {name: _sample(split, data.limit, data.seed, kind) for name, split in parts.items()}
        rule += f"; at most {data.limit:,} clips a split"
    used = {source.audio, column, group}
    return Parts(parts, kind, tuple(seen), used, column, group, rule, notes, source.chain, reading, folds, rights)


def _loaded(parts: Parts, known: Target | None, weights: Mapping[str, float], temperature: float) -> Loaded:
    """Return the splits of one source or several as tables, with what a user should know of them."""
    rows, kind = parts.rows, parts.kind
    target = known or kind(parts.names)
    draws, known_of = None, parts.sources
    if "train" in rows:
        draws = draws_of(rows["train"], weights, temperature)
        known_of = with_shares(parts.sources, rows["train"], draws)
    tables, fingerprint = tables_of(rows, parts.used, kind)
    return Loaded(
        tables,
        target,
        parts.column,
        parts.group,
        parts.rule,
        (*parts.notes, *splits.leaks(rows, target, parts.group)),
        parts.chain,
        fingerprint,
        parts.reading,
        parts.folds,
        sum(pseudo_labels.marks(rows["train"])) if "train" in rows else 0,
        parts.rights,
        draws=draws,
        sources=known_of,
    )


def _with_languages(parts: Mapping[str, Rows], data: Data) -> tuple[dict[str, Rows], list[str]]:
    """Return the splits with the language of each row, where a column says it, and a note on empty cells."""
    found = {}
    for name, rows in parts.items():
        if data.language_column is not None:
            column = columns.named(rows.columns, data.language_column, data.path)
            rows = replace(rows, languages=[as_text(cell).strip() or None for cell in rows.columns[column]])
        found[name] = rows
    unsaid = sum(rows.languages.count(None) for rows in found.values())
    return found, [f"{counted(unsaid, 'row')} with an empty {data.language_column!r}"] if unsaid else []


def _sample(rows: Rows, limit: int, seed: int, kind: type[Target]) -> Rows:
    """Return at most `limit` rows, stratified."""
    return rows.take(splits.sample(rows.targets, rows.keys, limit=limit, seed=seed, target=kind))


def _unused(source: Source, rows: Rows, folded: bool) -> list[str]:
    """Return a note on folds or splits of the data that are not used."""
    if not folded:
        return unused_folds(rows.columns)
    given = source.rows.split_names
    return [] if given == ("",) else [f"splits {', '.join(given)} of the data not used, because of data.folds"]


def _groups(rows: Rows, data: Data, target: str, source: Source) -> tuple[str | None, list[str | None], list[str]]:
    """Return the group's name, the group of each row (None where the cell is empty), and notes."""
    others = {name: cells for name, cells in rows.columns.items() if name != source.audio or name == data.group}
    chosen = data.group if data.group is not None or source.group == target else source.group
    column = columns.find_group(others, chosen, target, data.path)
    if column is not None:
        groups = [as_text(cell) or None for cell in rows.columns[column]]
        blank = groups.count(None)
        note = f"{blank:,} of {len(groups):,} rows have no {column!r}; each of them is treated as a separate group"
        return column, groups, [note] if blank else []
    if chosen == "":
        return None, [], []
    read = group_from_names([one.path for one in rows.recordings])
    labels = list(map(as_text, rows.columns[target]))
    if read := read or group_from_folders(rows.keys, labels):
        return read[0], list(read[1]), []
    pattern = speakers_in_names(rows.keys, labels)
    said = f"file names may begin with the speaker ({rows.keys[0]}); if so, data.name_pattern='{pattern}'"
    return None, [], [f"{said} keeps speakers apart"] if pattern else []


def _splits(
    rows: dict[str, Rows], need: Sequence[str], data: Data, kind: type[Target], group: str | None, giver: str
) -> tuple[dict[str, Rows], str, list[str]]:
    """Return the splits, how they were made, and notes; pseudo-labels decide nothing and are all in train."""
    given, predicted = pseudo_labels.apart(rows, data.path)
    parts, rule, uneven = _make_splits(given, need, data, kind, group, giver)
    parts, marked = pseudo_labels.into_train(parts, predicted)
    return parts, rule, [*marked, *uneven]


def _make_splits(
    rows: dict[str, Rows], need: Sequence[str], data: Data, kind: type[Target], group: str | None, giver: str
) -> tuple[dict[str, Rows], str, list[str]]:
    """Make the missing splits from train; return all of them, how they were made, and warnings.

    `giver` is what gave the others, "" for the data as a whole.
    """
    missing = [name for name in need if name not in rows]
    given = f"given by {giver or 'the data'}: {', '.join(name for name in splits.SPLITS if name in rows)}"
    if not missing:
        return rows, given, []
    shares = {name: getattr(data, name) if name in missing else 0.0 for name in ("validation", "test")}
    for name in missing:
        if not shares[name]:
            raise InputError(f"data: {name}=0 leaves no {name} split, which is needed; set it above 0")
    train = rows["train"]
    groups, notes = inseparable(train, data.together or (), group)
    by = f"{group} and recording" if group and groups != train.groups and not notes else group
    if groups and kind.exclusive:
        _check_classes_have_groups(replace(train, groups=groups), by or "group")
    made = splits.split(train.targets, groups or None, **shares, seed=data.seed, target=kind, keys=train.keys,
                        by=by or "group")  # fmt: skip
    parts = rows | {name: train.take(chosen) for name, chosen in made.items() if chosen}
    wanted = {"train": 1 - sum(shares.values())} | {name: shares[name] for name in missing}
    actual = {name: len(made[name]) / len(train) for name in wanted}
    # "80/10/10"
    asked, got = ("/".join(f"{100 * share:.3g}" for share in each.values()) for each in (wanted, actual))
    rule = f"made here: {asked}, seed {data.seed}"
    if len(rows) > 1 or len(missing) < 2:
        rule = f"{given}; {' and '.join(missing)} made here out of train: {asked}, seed {data.seed}"
    rule += f", stratified by {kind.stratified_by}" if kind.stratified_by else ""
    rule += f", disjoint by {by}" if by else ", no groups known, so one speaker may be in several splits"
    uneven = any(abs(actual[name] - share) > _UNEVEN for name, share in wanted.items())
    notes += [f"groups are too few or too unequal for {asked}: the splits made here are {got}"] if uneven else []
    return {name: parts[name] for name in splits.SPLITS if name in parts}, rule, notes


def _check_classes_have_groups(rows: Rows, group: str) -> None:
    """Refuse classes with one group each: the group gives the class away, and no split can keep both apart."""
    found: dict[Any, set[str | None]] = {}
    for target, own in zip(rows.targets, rows.groups, strict=True):
        found.setdefault(target, set()).add(own)
    if None not in rows.groups and len(set(rows.groups)) > 1 and all(len(own) == 1 for own in found.values()):
        label, single = next(iter(found.items()))
        raise InputError(
            f"each class has recordings of a single {group} ({label!r} those of {single.pop()!r}), so splits disjoint "
            f"by {group} are impossible and a score would measure the {group}; choose another data.target=NAME, or set "
            f"data.group='' where the classes are what {group} means"
        )


def _repeated(rows: Mapping[str, Rows]) -> list[str]:
    """Warn of recordings that are listed more than once."""
    listed = Counter(key for split in rows.values() for key in split.keys)
    across = Counter(key for split in rows.values() for key in set(whole_keys(split)))
    return [
        f"{counted(len(found), 'recording')} {'is' if len(found) == 1 else 'are'} {where} (first: {found[0]}){why}"
        for numbers, where, why in (
            (listed, "listed more than once", ""),
            (across, "in two splits", f": {splits.FLATTERS}"),
        )
        if (found := sorted(key for key, number in numbers.items() if number > 1))
    ]

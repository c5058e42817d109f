"""Words of the test transcripts that no training transcript has, and how often they are transcribed wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from audio_ft.metrics.text_normalizers import normalizer
from audio_ft.targets import Target
from audio_ft.targets.judged import Judged

# So many of the words are named.
SHOWN = 30


def unseen_words(clips: Sequence[Judged], trained: Iterable[str], target: Target) -> dict[str, Any] | None:
    """Return how many spoken words are in no training transcript, and the error rates of these and of the others.

    Words are compared as the target normalizes them; a wrong word is a substitution or a deletion. None without words.

    Args:
        clips: the test clips.
        trained: the transcripts of the training split.
        target: transcripts.
    """
    normalize = normalizer(target.text.language)
    known = {word for text in trained for word in normalize(text).split()}
    spoken: Counter[tuple[bool, str]] = Counter()
    wrong: Counter[tuple[bool, str]] = Counter()
    for clip in clips:
        for word in target.words(clip):
            forms = normalize(word.reference).split()
            if not forms:
                continue
            key = (any(form not in known for form in forms), " ".join(forms))
            spoken[key] += 1
            wrong[key] += word.kind in ("substitution", "deletion")
    if not spoken:
        return None
    counts = {new: sum(count for (unseen, _), count in spoken.items() if unseen == new) for new in (True, False)}
    errors = {new: sum(count for (unseen, _), count in wrong.items() if unseen == new) for new in (True, False)}
    words = [(word, count, wrong[True, word]) for (unseen, word), count in spoken.most_common() if unseen]
    return {
        "spoken": sum(counts.values()),
        "unseen": counts[True],
        "forms": len(words),
        "rates": [errors[new] / counts[new] if counts[new] else None for new in (True, False)],
        "words": words[:SHOWN],
    }

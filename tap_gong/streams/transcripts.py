"""Transcripts, and tables made of them (API: Calls)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.call_source import objects_in
from tap_gong.operations import TRANSCRIPTS
from tap_gong.schemas.calls import TRANSCRIPT, TRANSCRIPT_SENTENCE, TRANSCRIPT_TEXT
from tap_gong.transcript_source import TranscriptSource
from tap_gong.windowed import WindowedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

    from tap_gong.call_source import Speakers


class TranscriptStream(WindowedStream):
    """A stream made of transcripts."""

    made_of = TranscriptSource
    operation = TRANSCRIPTS
    incremental = "windowed, owed"
    primary_keys: ClassVar[list[str]] = ["callId"]

    @property
    def speakers(self) -> dict[str, Speakers]:
        """CallId -> who speaks in it, of the records being read."""
        source = self.source
        return source.speakers if isinstance(source, TranscriptSource) else {}


class Transcripts(TranscriptStream):
    """Transcripts as Gong nests them."""

    name = "transcripts"
    summary = "What was said: monologues and sentences with their times"
    schema = TRANSCRIPT


class TranscriptSentences(TranscriptStream):
    """A row for each sentence."""

    name = "transcript_sentences"
    summary = "What was said, a row for each sentence, with the speaker's name"
    primary_keys: ClassVar[list[str]] = ["callId", "index"]
    schema = TRANSCRIPT_SENTENCE
    wants_speakers = True
    selected_by_default = False

    @override
    def rows(self, record: Record) -> Iterator[Record]:
        call_id = record["callId"]
        speakers = self.speakers.get(call_id, {})
        index = 0
        for at, monologue in enumerate(objects_in(record.get("transcript"))):
            speaker = monologue.get("speakerId")
            name, affiliation = speakers.get(str(speaker), ("", ""))
            for sentence in objects_in(monologue.get("sentences")):
                yield {
                    "callId": call_id,
                    "index": index,
                    "monologueIndex": at,
                    "speakerId": speaker,
                    "speakerName": name or None,
                    "affiliation": affiliation or None,
                    "topic": monologue.get("topic"),
                    "startTime": clock_time(sentence.get("start")),
                    **sentence,
                }
                index += 1


class TranscriptTexts(TranscriptStream):
    """Each call as readable text."""

    name = "transcript_texts"
    summary = "What was said, the whole call as text to read"
    schema = TRANSCRIPT_TEXT
    wants_speakers = True
    selected_by_default = False

    @override
    def rows(self, record: Record) -> Iterable[Record]:
        speakers = self.speakers.get(record["callId"], {})
        monologues = objects_in(record.get("transcript"))
        strangers: dict[str | None, str] = {}
        label = self._tap.personal_data.label
        paragraphs = []
        for monologue in monologues:
            sentences = objects_in(monologue.get("sentences"))
            speaker = monologue.get("speakerId")
            name, affiliation = speakers.get(str(speaker), ("", ""))
            who = label(name) or strangers.setdefault(speaker, f"Speaker {len(strangers) + 1}")
            side = f" ({affiliation})" if affiliation else ""
            start = clock_time(sentences[0].get("start")) if sentences else None
            said = " ".join(sentence.get("text") or "" for sentence in sentences)
            paragraphs.append(f"[{start or '--:--:--'}] {who}{side}: {said}")
        yield {"callId": record["callId"], "text": "\n\n".join(paragraphs)}


def clock_time(milliseconds: int | None) -> str | None:
    """Milliseconds as hh:mm:ss."""
    if milliseconds is None:
        return None
    minutes, seconds = divmod(int(milliseconds) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"

"""What the fields of the streams refer to, and diagrams of it, made from schemas and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_gong.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_gong.stream import GongStream

# What a field of this name refers to, wherever it is.
_BY_NAME = {
    "callId": "calls",
    "userId": "users",
    "primaryUserId": "users",
    "commenterUserId": "users",
    "updaterUserId": "users",
    "creatorUserId": "users",
    "reviewedUserId": "users",
    "reviewerUserId": "users",
    "editorUserId": "users",
    "createdById": "users",
    "managerId": "users",
    "reportId": "users",
    "teamLeadIds": "users",
    "workspaceId": "workspaces",
    "trackerId": "trackers",
    "scorecardId": "scorecards",
    "questionId": "scorecard_questions",
    "answeredScorecardId": "answered_scorecards",
    "profileId": "permission_profiles",
    "libraryFolderIds": "library_folders",
    "integrationId": "crm_integrations",
    "flowId": "flows",
}
# Where the name alone does not tell.
_BY_PLACE = {
    "calls.content.trackers.id": "trackers",
    "call_trackers.id": "trackers",
    "call_index.id": "calls",
    "call_speakers.id": "call_parties",
    "call_tracker_occurrences.speakerId": "call_parties",
    "transcripts.transcript.speakerId": "call_parties",
    "transcript_sentences.speakerId": "call_parties",
    "call_context_objects.partyId": "call_parties",
    "library_folders.parentFolderId": "library_folders",
    "library_folder_calls.folderId": "library_folders",
    "library_folder_calls.id": "calls",
    "permission_profile_users.id": "users",
    "flows.folderId": "flow_folders",
    "flow_folders.parentFolderId": "flow_folders",
    "email_address_references.calls.id": "calls",
    "phone_number_references.calls.id": "calls",
    "meeting_integration_status.email": "users",
}
# The field that is referred to, where it is not the last part of the key.
_REFERRED = {
    "meeting_integration_status.email": "emailAddress",
    "call_tracker_occurrences.speakerId": "speakerId",
    "transcripts.transcript.speakerId": "speakerId",
    "transcript_sentences.speakerId": "speakerId",
}
# Modules of streams, by what their streams are about.
_TITLES = {
    "calls": "Calls",
    "call_tables": "Calls",
    "call_index": "Calls",
    "automation": "Calls",
    "transcripts": "Transcripts",
    "users": "People",
    "workspaces": "People",
    "permissions": "People",
    "meetings": "People",
    "library": "Library",
    "settings": "Scorecards, trackers and briefs",
    "stats": "Statistics and reviews",
    "coaching": "Statistics and reviews",
    "auditing": "Logs",
    "crm": "CRM",
    "engage": "Flows and tasks",
    "privacy": "Data privacy",
}


def sections() -> dict[str, list[type[GongStream]]]:
    """The streams by what they are about, in the order of `STREAMS`."""
    found: dict[str, list[type[GongStream]]] = {}
    for stream in STREAMS:
        module = stream.__module__.rpartition(".")[2]
        title = _TITLES.get(module, module.replace("_", " ").capitalize())
        found.setdefault(title, []).append(stream)
    return found


@dataclass(frozen=True)
class Relation:
    """A field that refers to a row of another stream.

    Attributes:
        stream: that has the field.
        path: of the field, from the top of a record.
        refers_to: the other stream.
        field: of the other stream, by which the row is found.
    """

    stream: str
    path: tuple[str, ...]
    refers_to: str
    field: str

    @property
    def is_many(self) -> bool:
        """Whether one record may refer to many rows: its field lies in a list, or is one."""
        schema = _schemas()[self.stream]
        for name in self.path:
            schema = schema["properties"][name]
            if "items" in schema:
                return True
        return False


@dataclass(frozen=True)
class FieldOfStream:
    """A field as the docs tell of it.

    Attributes:
        path: from the top of a record.
        schema: its JSON schema.
    """

    path: tuple[str, ...]
    schema: Mapping[str, Any]

    @property
    def type(self) -> str:
        """What it is, in a word or two."""
        return _type(self.schema)


def fields_of(schema: Mapping[str, Any]) -> Iterator[FieldOfStream]:
    """All fields of a schema, nested ones after the one that they are in."""
    for name, prop in schema.get("properties", {}).items():
        yield FieldOfStream((name,), prop)
        for inner in fields_of(prop.get("items") or prop):
            yield FieldOfStream((name, *inner.path), inner.schema)


def relations() -> list[Relation]:
    """What every stream refers to, in the order of the streams."""
    found = []
    for stream in STREAMS:
        for field in fields_of(schema_of(stream)):
            where = ".".join((stream.name, *field.path))
            other = _BY_PLACE.get(where) or _BY_NAME.get(field.path[-1])
            if other is None:
                continue
            by = _REFERRED.get(where, _keys()[other][-1])
            # A stream's own key refers to nothing.
            if (other, by) != (stream.name, field.path[-1]):
                found.append(Relation(stream.name, field.path, other, by))
    return found


def keys_of(stream: type[GongStream]) -> list[str]:
    """Fields of the key."""
    keys: Sequence[str] = stream.primary_keys  # type: ignore[assignment]
    return list(keys)


def schema_of(stream: type[GongStream]) -> Mapping[str, Any]:
    """JSON schema of the records."""
    schema: Mapping[str, Any] = stream.schema  # type: ignore[assignment]
    return schema


def overview(streams: Sequence[type[GongStream]]) -> str:
    """Mermaid: streams by their keys, and what they refer to."""
    names = {stream.name for stream in streams}
    drawn = [r for r in relations() if r.stream in names and len(r.path) == 1]
    return _diagram(streams, drawn, keys_only=True)


def neighbourhood(name: str) -> str:
    """Mermaid: a stream with its fields, what it refers to and what refers to it by a key."""
    (stream,) = (s for s in STREAMS if s.name == name)
    drawn = [
        r
        for r in relations()
        if r.stream == name or (r.refers_to == name and r.path[0] in _keys()[r.stream])
    ]
    return _diagram([stream], drawn, keys_only=False)


def data_model() -> str:
    """Markdown: a diagram of each section."""
    parts = [
        f"## {title}\n\n```mermaid\n{overview(streams)}```\n"
        for title, streams in sections().items()
    ]
    return "\n".join(parts)


def _diagram(
    streams: Sequence[type[GongStream]], drawn: Iterable[Relation], *, keys_only: bool
) -> str:
    keys = _keys()
    lines = ["erDiagram"]
    drawn = list(drawn)
    for stream in streams:
        refers = {r.path[0] for r in drawn if r.stream == stream.name and len(r.path) == 1}
        lines.append(f"    {stream.name} {{")
        for field in fields_of(schema_of(stream)):
            if len(field.path) > 1:
                continue
            (name,) = field.path
            marks = [
                mark
                for mark, has in (("PK", name in keys[stream.name]), ("FK", name in refers))
                if has
            ]
            if marks or not keys_only:
                kind = field.type.replace(" ", "_")
                lines.append(f"        {kind} {name} {', '.join(marks)}".rstrip())
        lines.append("    }")
    alike: dict[tuple[str, str, str], list[Relation]] = {}
    for relation in drawn:
        alike.setdefault((relation.stream, relation.refers_to, relation.path[-1]), []).append(
            relation
        )
    for (name, other, last), several in alike.items():
        first = several[0]
        label = ".".join(first.path) if len(several) == 1 else f"….{last}"
        lines.append(f'    {name} {_line(first)} {other} : "{label}"')
    return "\n".join(lines) + "\n"


def _line(relation: Relation) -> str:
    """How many rows of one refer to how many of the other, as mermaid draws it."""
    if relation.is_many:
        return "}o--o{"
    return "}o--||" if relation.path[0] in _keys()[relation.stream] else "}o--o|"


def _type(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", "object")
    plain = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    if len(plain) > 1:
        return "any"
    if plain == ["array"]:
        inner = _type(schema.get("items") or {"type": "any"})
        return f"list of {inner}s" if not inner.endswith("s") else f"list of {inner}"
    return "instant" if schema.get("format") == "date-time" else plain[0]


def _keys() -> dict[str, list[str]]:
    return {stream.name: keys_of(stream) for stream in STREAMS}


def _schemas() -> dict[str, Mapping[str, Any]]:
    return {stream.name: schema_of(stream) for stream in STREAMS}

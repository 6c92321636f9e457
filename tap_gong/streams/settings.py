"""Definitions made in Gong's settings, and tables made of them (API: Settings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.nested import list_in, objects_in
from tap_gong.operations import BRIEFS, SCORECARDS, TRACKERS
from tap_gong.schemas.settings import (
    BRIEF,
    SCORECARD,
    SCORECARD_QUESTION,
    TRACKER,
    TRACKER_KEYWORD,
)
from tap_gong.stream import GongStream, UpdatedStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record


class Scorecards(UpdatedStream):
    """Scorecards and their questions."""

    name = "scorecards"
    summary = "Scorecards and their questions"
    operation = SCORECARDS
    primary_keys: ClassVar[list[str]] = ["scorecardId"]
    schema = SCORECARD
    shared = "scorecards"
    ids_may_be_numbers = True


class ScorecardQuestions(UpdatedStream):
    """A row for each question of a scorecard."""

    name = "scorecard_questions"
    summary = "Questions of scorecards, out of `scorecards`"
    operation = SCORECARDS
    primary_keys: ClassVar[list[str]] = ["scorecardId", "questionId"]
    schema = SCORECARD_QUESTION
    shared = "scorecards"
    ids_may_be_numbers = True
    selected_by_default = False

    @override
    def rows(self, row: Record) -> Iterable[Record]:
        for question in objects_in(row, "questions"):
            yield {**question, "scorecardId": row.get("scorecardId")}


class Trackers(UpdatedStream):
    """Keyword trackers; Gong does not list smart trackers."""

    name = "trackers"
    summary = "Keyword trackers and what they listen for"
    operation = TRACKERS
    primary_keys: ClassVar[list[str]] = ["trackerId"]
    schema = TRACKER
    shared = "trackers"


class TrackerKeywords(UpdatedStream):
    """A row for each word or phrase of a tracker."""

    name = "tracker_keywords"
    summary = "Words and phrases of trackers, out of `trackers`"
    operation = TRACKERS
    primary_keys: ClassVar[list[str]] = ["trackerId", "index"]
    schema = TRACKER_KEYWORD
    shared = "trackers"
    selected_by_default = False

    @override
    def rows(self, row: Record) -> Iterable[Record]:
        index = 0
        for language in objects_in(row, "languageKeywords"):
            for keyword in list_in(language, "keywords"):
                yield {
                    "trackerId": row.get("trackerId"),
                    "index": index,
                    "language": language.get("language"),
                    "keyword": keyword,
                    "includeRelatedForms": language.get("includeRelatedForms"),
                }
                index += 1


class Briefs(GongStream):
    """Definitions of AI briefs, in accounts that have them."""

    name = "briefs"
    summary = "Definitions of AI briefs"
    operation = BRIEFS
    primary_keys: ClassVar[list[str]] = ["briefId"]
    schema = BRIEF
    ids_may_be_numbers = True
    selected_by_default = False

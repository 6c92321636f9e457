"""What Gong holds about the persons that the settings name (API: Data privacy)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from gong_api.errors import GongError
from tap_gong.cost import Cost
from tap_gong.operations import DATA_FOR_EMAIL_ADDRESS, DATA_FOR_PHONE_NUMBER
from tap_gong.schemas.privacy import EMAIL_ADDRESS_REFERENCES, PHONE_NUMBER_REFERENCES
from tap_gong.stream import GongStream, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record


class References(GongStream):
    """A row for each subject: everything that Gong holds about it."""

    primary_keys: ClassVar[list[str]] = ["subject"]
    is_list = False
    selected_by_default = False
    subjects: ClassVar[str]
    parameter: ClassVar[str]

    @override
    def parts(self) -> Iterable[Part]:
        for subject in self.config.get(self.subjects) or []:
            yield Part(params={self.parameter: subject}, stamp={"subject": subject})

    @override
    def cost(self) -> Cost:
        subjects = len(list(self.parts()))
        return Cost(subjects, subjects)

    @override
    def records(self) -> Iterable[Record]:
        return self.each_part(self._held)

    def _held(self, part: Part) -> Iterator[Record]:
        answer = self.answer(part)
        answer.pop("requestId", None)
        yield {**answer, **part.stamp}

    @override
    def fail(self, error: GongError) -> None:
        # Gong's words name the person.
        text = str(error)
        for number, subject in enumerate(self.config.get(self.subjects) or [], start=1):
            text = text.replace(subject, f"no. {number} of {self.subjects}")
        super().fail(GongError(text))


class EmailAddressReferences(References):
    """What Gong holds about an e-mail address."""

    name = "email_address_references"
    summary = "Calls, e-mails and CRM objects of `email_addresses`; a request for each"
    operation = DATA_FOR_EMAIL_ADDRESS
    schema = EMAIL_ADDRESS_REFERENCES
    subjects = "email_addresses"
    parameter = "emailAddress"


class PhoneNumberReferences(References):
    """What Gong holds about a phone number."""

    name = "phone_number_references"
    summary = "Calls, e-mails and CRM objects of `phone_numbers`; a request for each"
    operation = DATA_FOR_PHONE_NUMBER
    schema = PHONE_NUMBER_REFERENCES
    subjects = "phone_numbers"
    parameter = "phoneNumber"

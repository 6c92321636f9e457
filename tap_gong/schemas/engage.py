"""Flows and tasks (API: Engage)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    ADDRESS,
    COUNT,
    EMAIL,
    FLAG,
    FREE_TEXT,
    ID,
    INSTANT,
    JOB_TITLE,
    NAME,
    PERSONAL_LINK,
    PHONE,
    TEXT,
    field,
    listed,
    many,
    one,
    record,
)

FLOW = record(
    field("id", ID, "The flow's id"),
    field("name", FREE_TEXT, "Name"),
    field("folderId", ID, "The folder it is in"),
    field("folderName", FREE_TEXT, "Name of the folder"),
    field("visibility", TEXT, "Company, Personal or Shared, as the first who was asked sees it"),
    field("creationDate", INSTANT, "When it was created"),
    field("exclusive", FLAG, "A prospect in it can be in no other"),
)

FLOW_FOLDER = record(
    field("id", ID, "The folder's id"),
    field("name", FREE_TEXT, "Name"),
    field("parentFolderId", ID, 'The folder it is in; the text "null" for none'),
    field("createdById", ID, 'Who made it; the text "null" for nobody'),
    field("visibility", TEXT, "Company, Personal or Shared"),
)

FLOW_STEP = record(
    field("flowId", ID, "The flow"),
    field("id", ID, "The step's id"),
    field("flowName", FREE_TEXT, "Name of the flow"),
    field("flowDescription", FREE_TEXT, "Description of the flow"),
    field("stepOrder", COUNT, "Place in the flow"),
    field("action", TEXT, "SEND_EMAIL, AUTO_SEND_EMAIL, CALL, LINKEDIN_MESSAGE and others"),
    field("subject", FREE_TEXT, "Subject of the e-mail"),
    field("body", FREE_TEXT, "Text"),
    field("isReply", FLAG, "Sent as a reply to the e-mail before"),
)

FLOW_PROSPECT = record(
    field("flowInstanceId", ID, "The assignment's id"),
    field("flowId", ID, "The flow"),
    field("flowName", FREE_TEXT, "Name of the flow"),
    field("crmProspectId", ID, "The prospect's id in the CRM"),
    field("flowInstanceOwnerEmail", EMAIL, "E-mail address of who works the flow"),
    field("flowInstanceOwnerFullName", NAME, "Name of who works the flow"),
    field("flowInstanceCreateDate", INSTANT, "When it was assigned"),
    field("flowInstanceStatus", TEXT, "Running, Pending, Paused or finished"),
    field("workspaceId", ID, "The workspace"),
    field("exclusive", FLAG, "The prospect can be in no other flow"),
)

_CONTACT = (
    field("crmId", ID, "Id in the CRM"),
    field("type", TEXT, "CONTACT or LEAD"),
    field(
        "data",
        one(
            field("firstName", NAME, "First name"),
            field("lastName", NAME, "Last name"),
            field("crmUrl", TEXT, "Page in the CRM"),
            field("companyName", TEXT, "Company"),
            field("affiliation", TEXT, "Us, Them or Unknown"),
            field("emails", many(field("email", EMAIL, "E-mail address")), "E-mail addresses"),
            field("title", JOB_TITLE, "Job title"),
            field("timezone", TEXT, "Time zone"),
            field(
                "phoneNumbers",
                many(
                    field("raw", PHONE, "As it was written"),
                    field("extension", PHONE, "Extension"),
                    field("countryCode", COUNT, "Country code"),
                    field("normalized", PHONE, "Digits"),
                    field("label", TEXT, "Label"),
                    field("isVerified", FLAG, "Known to be right"),
                ),
                "Phone numbers",
            ),
            field("city", ADDRESS, "City"),
            field("country", ADDRESS, "Country"),
            field("state", ADDRESS, "State"),
            field("zipcode", ADDRESS, "Postal code"),
            field("optOutChannels", listed(TEXT), "CALLS, EMAILS, SMS_MESSAGES"),
            field("linkedinProfile", PERSONAL_LINK, "LinkedIn page"),
        ),
        "Who it is",
    ),
)

TASK = record(
    field("id", ID, "The task's id"),
    field("userId", ID, "Whose task it is"),
    field("created", INSTANT, "When it was created"),
    field("updated", INSTANT, "When it last changed"),
    field("status", TEXT, "OPEN, DONE or DISMISSED; Gong lists open ones"),
    field("type", TEXT, "FLOW or MANUAL"),
    field("actions", listed(TEXT), "CALL"),
    field(
        "account",
        one(
            field("crmId", ID, "Id in the CRM"),
            field("name", TEXT, "Name"),
            field("crmUrl", TEXT, "Page in the CRM"),
        ),
        "Account",
    ),
    field(
        "opportunity",
        one(
            field("crmId", ID, "Id in the CRM"),
            field("name", FREE_TEXT, "Name"),
            field("crmUrl", TEXT, "Page in the CRM"),
            field("status", TEXT, "Status"),
            field("stage", TEXT, "Stage"),
            field("amount", TEXT, "Amount, as text"),
            field("probability", TEXT, "Probability, as text"),
            field("closeDate", TEXT, "Close date, as text"),
        ),
        "Deal",
    ),
    field("dueDate", INSTANT, "When it is due"),
    field(
        "flow",
        one(
            field("id", ID, "The flow's id"),
            field("name", FREE_TEXT, "Name"),
            field(
                "step",
                one(
                    field("id", ID, "The step's id"),
                    field("name", FREE_TEXT, "Name"),
                    field("stepNumber", COUNT, "Place in the flow"),
                ),
                "Step",
            ),
        ),
        "The flow it comes from",
    ),
    field("contact", one(*_CONTACT), "Whom to call"),
    field("additionalContacts", many(*_CONTACT), "Further contacts"),
    field("title", FREE_TEXT, "Title of a manual task"),
    field(
        "priority",
        one(
            field("id", ID, "The priority's id"),
            field("name", TEXT, "Name"),
            field("weight", COUNT, "Weight"),
        ),
        "Priority",
    ),
    field("crmType", TEXT, "SALESFORCE, HUBSPOT, MICROSOFT_DYNAMICS or GENERIC"),
)

"""A scenario with the client that openapi-python-client generates."""

import hashlib
import os
from collections.abc import Iterator
from datetime import date
from http import HTTPStatus
from io import BytesIO
from typing import Any, TypeVar

from pairing_tracker_client import AuthenticatedClient
from pairing_tracker_client.api.agreements import (
    create_agreement,
    delete_agreement,
    get_agreement,
    list_agreements,
    update_agreement,
)
from pairing_tracker_client.api.documents import (
    create_document,
    delete_document,
    get_document_content,
    put_document_content,
)
from pairing_tracker_client.api.milestones import create_milestone, delete_milestone
from pairing_tracker_client.api.pairings import list_pairings
from pairing_tracker_client.models import (
    Agreement,
    AgreementKind,
    AgreementList,
    AgreementPatch,
    AgreementStatus,
    Document,
    ListAgreementsSort,
    Milestone,
    MilestoneStatus,
    NewAgreement,
    NewDocument,
    NewMilestone,
    PairingList,
    Problem,
    Text,
    TextPatch,
)
from pairing_tracker_client.types import UNSET, File, Response

T = TypeVar("T")


def expect(kind: type[T], response: Response[Any]) -> T:
    """The body of the response, which must be of this type."""
    if not isinstance(response.parsed, kind):
        raise AssertionError(f"{kind.__name__} was expected: {response.status_code}, {response.parsed}")
    return response.parsed


def problem(status: HTTPStatus, response: Response[Any]) -> Problem:
    """The error of a call, when it has this status."""
    refusal = expect(Problem, response)
    assert (response.status_code, refusal.status) == (status, status), refusal
    return refusal


def agreements_of(client: AuthenticatedClient, pairing: str) -> Iterator[Agreement]:
    """All agreements of a pairing, page by page."""
    cursor: str | None = None
    while True:
        page = expect(
            AgreementList, list_agreements.sync_detailed(client=client, pairing=pairing, limit=1, cursor=cursor or UNSET)
        )
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def story(client: AuthenticatedClient) -> None:
    pairings = expect(PairingList, list_pairings.sync_detailed(client=client, q="恩平")).items
    assert [pairing.name.zh for pairing in pairings] == ["蓬江区、江海区—恩平市"], pairings
    pairing = pairings[0]
    print("ok 1 find the pairing of Enping")

    titles = {agreement.code: agreement.title.zh for agreement in agreements_of(client, pairing.code)}
    assert titles.keys() == {"pengjiang-enping-framework-2022", "jianghai-enping-framework-2022"}, titles
    print("ok 2 page through its agreements")

    new = NewAgreement(
        code="python-memorandum",
        pairing=pairing.code,
        kind=AgreementKind.MEMORANDUM,
        title=Text(zh="示例备忘录", en="Sample memorandum"),
    )
    created = create_agreement.sync_detailed(client=client, body=new, idempotency_key="python-1")
    memorandum = expect(Agreement, created)
    assert memorandum.status == AgreementStatus.DRAFT and memorandum.signed_on is None, memorandum
    # The same request again, as after a lost response, returns the same record.
    again = create_agreement.sync_detailed(client=client, body=new, idempotency_key="python-1")
    assert expect(Agreement, again).id == memorandum.id
    due = NewMilestone(agreement=memorandum.code, title=Text(zh="签署"), due_on=date(2030, 6, 30), kind="signing")
    milestone = expect(Milestone, create_milestone.sync_detailed(client=client, body=due, idempotency_key="python-2"))
    assert milestone.due_on == date(2030, 6, 30) and milestone.pairing.code == pairing.code, milestone
    print("ok 3 create a memorandum with a milestone")

    read = get_agreement.sync_detailed(memorandum.code, client=client)
    seen = read.headers["ETag"]
    patch = AgreementPatch(title=TextPatch(en="Memorandum, as an example"), note="示例")
    updated = update_agreement.sync_detailed(memorandum.code, client=client, body=patch, if_match=seen)
    changed = expect(Agreement, updated)
    assert changed.version == expect(Agreement, read).version + 1, changed
    assert (changed.title.zh, changed.title.en, changed.note) == ("示例备忘录", "Memorandum, as an example", "示例"), changed
    # A field that is null is cleared; a field that is absent stays.
    cleared = update_agreement.sync_detailed(
        memorandum.code, client=client, body=AgreementPatch(note=None), if_match=updated.headers["ETag"]
    )
    assert expect(Agreement, cleared).note is None
    print("ok 4 change it with the ETag that was read")

    stale = update_agreement.sync_detailed(memorandum.code, client=client, body=patch, if_match=seen)
    assert problem(HTTPStatus.PRECONDITION_FAILED, stale).code == "precondition_failed"
    taken = problem(HTTPStatus.CONFLICT, create_agreement.sync_detailed(client=client, body=new))
    assert taken.code == "already_exists" and taken.errors[0].pointer == "/code", taken
    wrong = NewMilestone(
        agreement=memorandum.code, title=Text(zh="签署"), due_on=date(2030, 6, 30), status=MilestoneStatus.MET
    )
    refused = problem(HTTPStatus.UNPROCESSABLE_ENTITY, create_milestone.sync_detailed(client=client, body=wrong))
    assert [(fault.pointer, fault.code) for fault in refused.errors] == [("/met_on", "required")], refused
    print("ok 5 meet conflicts and a validation problem as typed errors")

    content = bytes(range(256)) * 64
    paper = NewDocument(code="python-document", title=Text(zh="示例文件"))
    document = expect(Document, create_document.sync_detailed(client=client, body=paper))
    stored = put_document_content.sync_detailed(document.code, client=client, body=File(payload=BytesIO(content)))
    assert expect(Document, stored).sha256 == hashlib.sha256(content).hexdigest()
    assert expect(File, get_document_content.sync_detailed(document.code, client=client)).payload.read() == content
    print("ok 6 upload and download a document")

    drafts, all_of_it = (
        expect(
            AgreementList,
            list_agreements.sync_detailed(
                client=client,
                pairing=pairing.code,
                kind=[AgreementKind.FRAMEWORK_AGREEMENT, AgreementKind.MEMORANDUM],
                status=status,
                sort=ListAgreementsSort.VALUE_1,
                count=True,
            ),
        )
        for status in ([AgreementStatus.DRAFT], [AgreementStatus.DRAFT, AgreementStatus.SIGNED])
    )
    assert (drafts.total, all_of_it.total) == (1, 3), (drafts, all_of_it)
    assert all_of_it.items[0].code == memorandum.code, all_of_it
    print("ok 7 list with several filters")

    for deleted in (
        delete_milestone.sync_detailed(str(milestone.id), client=client, if_match="*"),
        delete_agreement.sync_detailed(memorandum.code, client=client, if_match=cleared.headers["ETag"]),
        delete_document.sync_detailed(document.code, client=client, if_match=stored.headers["ETag"]),
    ):
        assert deleted.status_code == HTTPStatus.NO_CONTENT, deleted
    gone = problem(HTTPStatus.NOT_FOUND, get_agreement.sync_detailed(memorandum.code, client=client))
    assert gone.code == "not_found", gone
    print("ok 8 delete what was made")


if __name__ == "__main__":
    with AuthenticatedClient(
        base_url=os.environ["PAIRING_TRACKER_URL"], token=os.environ["PAIRING_TRACKER_KEY"]
    ) as connection:
        story(connection)

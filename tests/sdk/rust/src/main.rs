//! A scenario with the client that progenitor generates.

#![deny(warnings)]

use std::error::Error as StdError;
use std::fmt::Debug;

use chrono::NaiveDate;
use futures::TryStreamExt;
use pairing_tracker_story::types::{
    Agreement, AgreementKind, AgreementPatch, AgreementStatus, Document, ListAgreementsSort, Milestone,
    MilestoneStatus, NewAgreement, NewDocument, NewMilestone, Problem, Text, TextPatch, builder,
};
use pairing_tracker_story::{ByteStream, Client, Error, ResponseValue};
use reqwest::header::{AUTHORIZATION, ETAG, HeaderMap};

type Outcome<T> = Result<T, Box<dyn StdError>>;

/// The error of a call, when it has this status.
fn problem<T: Debug>(status: u16, answer: Result<ResponseValue<T>, Error<Problem>>) -> Outcome<Problem> {
    match answer {
        Err(Error::ErrorResponse(refusal)) => {
            assert_eq!(refusal.status().as_u16(), status);
            Ok(refusal.into_inner())
        }
        other => Err(format!("a refusal was expected, not {other:?}").into()),
    }
}

async fn bytes(answer: ResponseValue<ByteStream>) -> Outcome<Vec<u8>> {
    let chunks: Vec<_> = answer.into_inner_stream().try_collect().await?;
    Ok(chunks.concat())
}

fn etag<T>(answer: &ResponseValue<T>) -> Outcome<String> {
    Ok(answer.headers().get(ETAG).ok_or("there is no ETag")?.to_str()?.to_owned())
}

/// All agreements of a pairing, page by page.
async fn agreements_of(client: &Client, pairing: &str) -> Outcome<Vec<Agreement>> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let mut request = client.list_agreements().pairing(pairing).limit(1);
        if let Some(cursor) = cursor.take() {
            request = request.cursor::<String>(cursor);
        }
        let page = request.send().await?.into_inner();
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = Some(next.to_string()),
            None => return Ok(all),
        }
    }
}

/// Creates a memorandum with a milestone.
async fn create_memorandum(client: &Client, new: &NewAgreement, pairing: &str) -> Outcome<(Agreement, Milestone)> {
    let created = client.create_agreement().idempotency_key("rust-1").body(new.clone()).send().await?;
    assert_eq!((created.status, created.signed_on), (AgreementStatus::Draft, None));
    // The same request again, as after a lost response, returns the same record.
    let again = client.create_agreement().idempotency_key("rust-1").body(new.clone()).send().await?;
    assert_eq!(again.id, created.id);
    let due_on = due_on()?;
    let due = signing(created.code.as_str())?.kind(Some("signing".parse()?));
    let milestone = client.create_milestone().idempotency_key("rust-2").body(due).send().await?;
    assert_eq!(milestone.due_on, due_on);
    assert_eq!(milestone.pairing.code.as_ref().map(|code| code.as_str()), Some(pairing));
    println!("ok 3 create a memorandum with a milestone");
    Ok((created.into_inner(), milestone.into_inner()))
}

fn due_on() -> Outcome<NaiveDate> {
    Ok(NaiveDate::from_ymd_opt(2030, 6, 30).ok_or("a date")?)
}

/// The milestone of an agreement's signature.
fn signing(agreement: &str) -> Outcome<builder::NewMilestone> {
    let agreement = Some(agreement.parse()?);
    Ok(NewMilestone::builder().agreement(agreement).title(Text::builder().zh("签署")).due_on(due_on()?))
}

/// Changes an agreement, and returns its new ETag. A change with the old one and invalid records are refused.
async fn update_memorandum(client: &Client, new: NewAgreement, code: &str) -> Outcome<String> {
    let read = client.get_agreement().ref_(code).send().await?;
    let seen = etag(&read)?;
    let patch: AgreementPatch = AgreementPatch::builder()
        .title(Some(TextPatch::builder().en(Some("Memorandum, as an example".parse()?)).try_into()?))
        .note(Some("示例".parse()?))
        .try_into()?;
    let update = || client.update_agreement().ref_(code).if_match(seen.as_str()).body(patch.clone());
    let updated = update().send().await?;
    assert_eq!(updated.version.get(), read.version.get() + 1);
    assert_eq!(updated.title.zh.as_str(), "示例备忘录");
    assert_eq!(updated.title.en.as_ref().map(|en| en.as_str()), Some("Memorandum, as an example"));
    println!("ok 4 change it with the ETag that was read");

    assert_eq!(problem(412, update().send().await)?.code.as_str(), "precondition_failed");
    let taken = problem(409, client.create_agreement().body(new).send().await)?;
    assert_eq!((taken.code.as_str(), taken.errors[0].pointer.as_str()), ("already_exists", "/code"));
    let met = signing(code)?.status(MilestoneStatus::Met);
    let refused = problem(422, client.create_milestone().body(met).send().await)?;
    assert_eq!((refused.errors[0].pointer.as_str(), refused.errors[0].code.as_str()), ("/met_on", "required"));
    println!("ok 5 meet conflicts and a validation problem as typed errors");
    etag(&updated)
}

/// Uploads and downloads a document, and returns it.
async fn store_document(client: &Client) -> Outcome<ResponseValue<Document>> {
    let content: Vec<u8> = (0..16384_u32).map(|index| index.to_le_bytes()[0]).collect();
    let paper = NewDocument::builder().code("rust-document").title(Text::builder().zh("示例文件"));
    let document = client.create_document().body(paper).send().await?;
    let stored = client.put_document_content().ref_(document.code.as_str()).body(content.clone()).send().await?;
    assert_eq!(stored.byte_size, Some(16384));
    let file = client.get_document_content().ref_(document.code.as_str()).send().await?;
    assert_eq!(bytes(file).await?, content);
    println!("ok 6 upload and download a document");
    Ok(stored)
}

async fn list_with_filters(client: &Client, pairing: &str, memorandum: &str) -> Outcome<()> {
    let found = |status: Vec<AgreementStatus>| {
        client
            .list_agreements()
            .pairing(pairing)
            .kind(vec![AgreementKind::FrameworkAgreement, AgreementKind::Memorandum])
            .status(status)
            .sort(ListAgreementsSort::Xid)
            .count(true)
    };
    let drafts = found(vec![AgreementStatus::Draft]).send().await?;
    let all = found(vec![AgreementStatus::Draft, AgreementStatus::Signed]).send().await?;
    assert_eq!((drafts.total, all.total), (Some(1), Some(3)));
    assert_eq!(all.items[0].code.as_str(), memorandum);
    println!("ok 7 list with several filters");
    Ok(())
}

async fn story(client: &Client) -> Outcome<()> {
    let pairings = client.list_pairings().q("恩平").send().await?.into_inner().items;
    let [pairing] = pairings.as_slice() else { panic!("{pairings:?}") };
    assert_eq!(pairing.name.zh.as_str(), "蓬江区、江海区—恩平市");
    println!("ok 1 find the pairing of Enping");

    let agreements = agreements_of(client, &pairing.code).await?;
    let mut codes: Vec<&str> = agreements.iter().map(|agreement| agreement.code.as_str()).collect();
    codes.sort();
    assert_eq!(codes, ["jianghai-enping-framework-2022", "pengjiang-enping-framework-2022"]);
    println!("ok 2 page through its agreements");

    let new: NewAgreement = NewAgreement::builder()
        .code("rust-memorandum")
        .pairing(pairing.code.as_str())
        .kind(AgreementKind::Memorandum)
        .title(Text::builder().zh("示例备忘录").en(Some("Sample memorandum".parse()?)))
        .try_into()?;
    let (memorandum, milestone) = create_memorandum(client, &new, &pairing.code).await?;
    let code = memorandum.code.as_str();
    let updated = update_memorandum(client, new, code).await?;
    let document = store_document(client).await?;
    list_with_filters(client, &pairing.code, code).await?;

    client.delete_milestone().ref_(milestone.id.to_string()).if_match("*").send().await?;
    client.delete_agreement().ref_(code).if_match(updated).send().await?;
    client.delete_document().ref_(document.code.as_str()).if_match(etag(&document)?).send().await?;
    let gone = problem(404, client.get_agreement().ref_(code).send().await)?;
    assert_eq!(gone.code.as_str(), "not_found");
    println!("ok 8 delete what was made");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let url = std::env::var("PAIRING_TRACKER_URL")?;
    let key = std::env::var("PAIRING_TRACKER_KEY")?;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {key}").parse()?);
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    story(&Client::new_with_client(&url, http)).await
}

//! Sends files: lists that are generated while they are sent, and files on disk.
//!
//! A list is read page by page; each page returns its database connection before it is sent. The pages pass through a
//! channel of capacity one, so that a slow client delays the reading, holds no connection and takes the memory of two pages
//! at most. A client that reads nothing loses its connection ([`commands`](crate::commands)). An error in the middle aborts
//! the transfer, so that the client can detect that the file is incomplete.

use std::fs::File;
use std::io::{Read, Seek};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header;
use actix_web::web::Bytes;
use chrono::NaiveDate;
use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::format::Format;
use super::list::Page;
use super::{Call, guarded_body, peer};
use crate::access::Visibility;
use crate::db::page::{Key, PageRequest};
use crate::db::{Class, Client, Conn, Store};
use crate::error::{Error, Result};
use crate::model::text::Language;
use crate::validation::Contract;

/// Records per page.
const PAGE: i64 = 500;
/// Bytes read from a file at a time.
const CHUNK: usize = 64 * 1024;
/// The capacity of the channel, in pages.
const WAITING: usize = 1;
/// How often a page is tried while no connection is free, and the pause in between. A long transfer should survive a
/// moment in which the service is busy.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// The query that loads a page of a list.
type Work = Arc<dyn Fn(&mut Conn, &PageRequest) -> Result<Page> + Send + Sync>;

/// Writes the items of a list in one format.
pub trait ListWriter: Send + Sync {
    /// The beginning of the file, such as a header row.
    fn head(&self) -> Result<Vec<u8>>;

    /// Gives references to records without a code their surrogate codes.
    fn name_references(&self, conn: &mut Conn, items: &mut [Value]) -> Result<()>;

    /// The items as lines of text.
    fn lines(&self, items: Vec<Value>) -> Result<Vec<u8>>;

    /// The items, page by page, as a workbook.
    fn workbook(&self, pages: &mut dyn Iterator<Item = Vec<Value>>, file: &mut File) -> Result<()>;
}

/// Creates the writer for an operation's list.
///
/// The application supplies it, because the formats depend on records, which are above this module.
pub struct ListWriters(pub MakeListWriter);

/// Makes the writer of an operation's list in a format and language, for a reader with this visibility.
pub type MakeListWriter = fn(&Contract, operation: &str, Format, Language, &Visibility) -> MadeListWriter;

/// A writer, or the error of an operation that returns no list.
pub type MadeListWriter = Result<Arc<dyn ListWriter>>;

/// Responds with a list as a file.
pub async fn list<W>(call: &Call, operation: &str, format: Format, work: W) -> Result<HttpResponse>
where
    W: Fn(&mut Conn, &PageRequest) -> Result<Page> + Send + Sync + 'static,
{
    let name = call.request.path().rsplit('/').next().unwrap_or(operation).to_owned();
    if call.is_head() {
        // Reading one record finds the faults of the request.
        let first = PageRequest { limit: 1, after: None, count: false, list: String::new() };
        call.state.store.read(move |conn| work(conn, &first)).await?;
        return Ok(attachment(call, format, &name, BoxBody::new(Body::unmade())));
    }
    let place = call.state.limits.enter_file(peer::of(&call.request))?;
    let pages = Pages {
        store: call.state.store.clone(),
        client: call.client(),
        work: Arc::new(work),
        rows: (call.state.parts.get::<ListWriters>()?.0)(
            &call.state.catalog.contract,
            operation,
            format,
            call.language(),
            &call.visibility(),
        )?,
    };
    let body = match format {
        Format::Xlsx => Body::of_file(pages.workbook().await?)?,
        _ => pages.stream(call, operation).await?,
    };
    Ok(attachment(call, format, &name, guarded_body::with_guard(BoxBody::new(body), place)))
}

/// A response with a file, whose name contains today's date.
pub fn attachment(call: &Call, format: Format, name: &str, body: BoxBody) -> HttpResponse {
    let content_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        other => other.media_type(),
    };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_DISPOSITION, disposition(name, call.today(), format)))
        .insert_header((header::CONTENT_LANGUAGE, call.language().tag()))
        .content_type(content_type)
        .body(body)
}

fn disposition(name: &str, today: NaiveDate, format: Format) -> String {
    format!("attachment; filename=\"{name}-{today}.{}\"", format.suffix())
}

/// A list that is read page by page.
struct Pages {
    store: Store,
    client: Client,
    work: Work,
    rows: Arc<dyn ListWriter>,
}

impl Pages {
    /// Reads one page and converts it on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        after: Option<Key>,
        make: impl FnOnce(&dyn ListWriter, Vec<Value>) -> Result<T> + Send + 'static,
    ) -> Result<(T, Option<Key>)> {
        let mut tries = 0;
        let (items, next) = loop {
            let request = PageRequest { limit: PAGE, after: after.clone(), count: false, list: String::new() };
            let (work, rows) = (self.work.clone(), self.rows.clone());
            let read = self.store.read_as(Class::LongRead, &self.client, move |conn| {
                let Page { items, next, .. } = work(conn, &request)?;
                let mut items = items.into_values()?;
                rows.name_references(conn, &mut items)?;
                Ok((items, next))
            });
            match read.await {
                Err(Error::Unavailable(cause)) if tries + 1 < TRIES && after.is_some() => {
                    tracing::warn!(cause, "no database connection is free for the next page of a file; retrying");
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                read => break read?,
            }
        };
        let rows = self.rows.clone();
        let made = tokio::task::spawn_blocking(move || make(&*rows, items)).await.map_err(Error::unexpected)??;
        Ok((made, next))
    }

    /// Starts to send the list. The first page is read before, so that its errors are returned as an error response.
    async fn stream(self, call: &Call, operation: &str) -> Result<Body> {
        let (first, after) = self
            .read(None, |rows, items| {
                let mut bytes = rows.head()?;
                bytes.extend(rows.lines(items)?);
                Ok(bytes)
            })
            .await?;
        let (sender, parts) = channel(WAITING);
        let (request_id, operation) = (call.request_id.clone(), operation.to_owned());
        tokio::spawn(async move {
            if let Err(error) = self.feed(&sender, first, after).await {
                tracing::error!(request_id, operation, %error, "sending a file was aborted");
                // This fails when the client has disconnected.
                let _ = sender.send(Part::Broken(error)).await;
            }
        });
        Ok(Body::of_parts(parts))
    }

    /// Writes the list into a workbook in a temporary file.
    async fn workbook(self) -> Result<File> {
        let (sender, mut pages) = channel::<Vec<Value>>(WAITING);
        let rows = self.rows.clone();
        let written = tokio::task::spawn_blocking(move || {
            let failed = |error: std::io::Error| Error::Unavailable(format!("cannot create a temporary file: {error}"));
            let mut file = tempfile::tempfile().map_err(failed)?;
            rows.workbook(&mut std::iter::from_fn(|| pages.blocking_recv()), &mut file)?;
            Ok::<File, Error>(file)
        });
        let mut after = None;
        loop {
            let (items, next) = self.read(after, |_, items| Ok(items)).await?;
            // When the writer has stopped, its result below has the error.
            if sender.send(items).await.is_err() || next.is_none() {
                break;
            }
            after = next;
        }
        drop(sender);
        written.await.map_err(Error::unexpected)?
    }

    async fn feed(self, sender: &Sender<Part>, first: Vec<u8>, mut after: Option<Key>) -> Result<()> {
        let mut bytes = first;
        loop {
            if !bytes.is_empty() && sender.send(Part::Bytes(bytes.into())).await.is_err() {
                return Ok(());
            }
            if after.is_none() {
                let _ = sender.send(Part::End).await;
                return Ok(());
            }
            (bytes, after) = self.read(after, |rows, items| rows.lines(items)).await?;
        }
    }
}

/// A message of the channel.
pub enum Part {
    Bytes(Bytes),
    /// The file is complete.
    End,
    Broken(Error),
}

/// A body that is generated while it is sent.
pub struct Body {
    size: BodySize,
    parts: Receiver<Part>,
}

impl Body {
    /// An empty body for a HEAD request, in place of a file that need not be generated.
    pub fn unmade() -> Body {
        Body::of_parts(channel(WAITING).1)
    }

    /// An empty body for a HEAD request, in place of a file of this size that need not be read.
    pub fn unread(size: u64) -> Body {
        Body { size: BodySize::Sized(size), ..Body::unmade() }
    }

    /// The body whose parts come through a channel; it must end with [`Part::End`].
    pub fn of_parts(parts: Receiver<Part>) -> Body {
        Body { size: BodySize::Stream, parts }
    }

    /// The content of a file, which is read in chunks.
    pub fn of_file(mut file: File) -> Result<Body> {
        let failed = |error: std::io::Error| Error::Unavailable(format!("cannot read a temporary file: {error}"));
        let size = file.metadata().map_err(failed)?.len();
        file.rewind().map_err(failed)?;
        let (sender, parts) = channel(WAITING);
        tokio::spawn(async move {
            loop {
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = vec![0; CHUNK];
                    let count = file.read(&mut bytes)?;
                    bytes.truncate(count);
                    Ok::<_, std::io::Error>((file, bytes))
                });
                let part = match read.await.map_err(Error::unexpected).and_then(|read| read.map_err(failed)) {
                    Ok((_, bytes)) if bytes.is_empty() => Part::End,
                    Ok((rest, bytes)) => {
                        file = rest;
                        if sender.send(Part::Bytes(bytes.into())).await.is_err() {
                            return;
                        }
                        continue;
                    }
                    Err(error) => {
                        tracing::error!(%error, "sending a file was aborted");
                        Part::Broken(error)
                    }
                };
                let _ = sender.send(part).await;
                return;
            }
        });
        Ok(Body { size: BodySize::Sized(size), parts })
    }
}

impl MessageBody for Body {
    type Error = Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.parts.poll_recv(cx).map(|part| match part {
            Some(Part::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Part::End) => {
                self.parts.close();
                None
            }
            Some(Part::Broken(error)) => Some(Err(error)),
            // The sender was dropped without `Part::End`.
            None => Some(Err(Error::unexpected("the source of a file stopped before its end"))),
        })
    }
}

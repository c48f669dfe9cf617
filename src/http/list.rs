//! Lists: the parameters that every one takes, the page that every one gives.

use std::borrow::Cow;
use std::marker::PhantomData;

use actix_web::HttpResponse;
use chrono::NaiveDate;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Schema, SchemaFormat};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::answer::Answer;
use super::format::{self, Format};
use super::{Call, export, typed};
use crate::access::redaction::{Hidden, Redaction};
use crate::db::Conn;
use crate::db::page::{self, Key, PageIds, PageRequest};
use crate::error::{Error, Fault, Problem, Result};
use crate::msg;

const LIMIT_DEFAULT: i64 = 50;
/// The most items of a page: the maximum of [`PageParams::limit`].
const ITEMS_MAX: usize = 1000;

/// What every list takes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// How many items a page has at most.
    #[param(minimum = 1, maximum = 1000, default = 50, example = 20)]
    pub limit: Option<i64>,
    /// Where the page begins: `next_cursor` of the page before, with the same filter and sort.
    #[param(max_length = 2000)]
    pub cursor: Option<String>,
    /// Whether to count the list as a whole (`total`).
    #[param(default = false, example = true)]
    pub count: Option<bool>,
}

/// The date that computed figures hold for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AsOf {
    /// The date that computed figures hold for (YYYY-MM-DD); today in the service's time zone unless given.
    #[param(value_type = Option<String>, format = Date, example = "2022-12-31")]
    pub as_of: Option<NaiveDate>,
}

/// The component of a page of `T`, for the document alone: `TwinningList` of `Twinning`.
pub struct ListPage<T>(PhantomData<T>);

impl<T: ToSchema> PartialSchema for ListPage<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some("The items of this page."))
            .max_items(Some(ITEMS_MAX));
        let next_cursor = ObjectBuilder::new()
            .schema_type([Type::String, Type::Null].into_iter().collect::<SchemaType>())
            .description(Some("The value of `cursor` for the next page; null on the last page."));
        let total = ObjectBuilder::new()
            .schema_type([Type::Integer, Type::Null].into_iter().collect::<SchemaType>())
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some("The number of items on all pages; only with `count=true`."))
            .minimum(Some(0));
        let page = ObjectBuilder::new()
            .property("items", items)
            .property("next_cursor", next_cursor)
            .property("total", total)
            .required("items");
        page.into()
    }
}

impl<T: ToSchema> ToSchema for ListPage<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// One page of a list, as the store gives it.
#[derive(Debug)]
pub struct Page {
    pub items: Vec<Value>,
    pub next: Option<Key>,
    pub total: Option<i64>,
    /// What the answer has beside the list, in front of it.
    pub beside: Map<String, Value>,
}

impl Page {
    /// A page of these items, which stand for its ids.
    pub fn new(items: &impl Serialize, page: PageIds) -> Result<Page> {
        Page::cut(items, page.next, page.total)
    }

    /// A page of items that are JSON already.
    pub fn of_values(items: Vec<Value>, page: PageIds) -> Page {
        Page { items, next: page.next, total: page.total, beside: Map::new() }
    }

    /// A page of items, the key of the next one, and the count of all where it was asked for.
    pub fn cut(items: &impl Serialize, next: Option<Key>, total: Option<i64>) -> Result<Page> {
        match serde_json::to_value(items)? {
            Value::Array(items) => Ok(Page { items, next, total, beside: Map::new() }),
            _ => Err(Error::unexpected("a page that is no list")),
        }
    }

    /// The same page with fields that the answer has beside the list.
    pub fn beside(mut self, fields: Value) -> Page {
        if let Value::Object(fields) = fields {
            self.beside = fields;
        }
        self
    }
}

/// A list request, ready for the store.
pub struct Listing {
    pub page: PageRequest,
    path: String,
    /// The query without its cursor.
    query: String,
}

impl Call {
    /// [`Call::list`] of records that belong to single callers: a response that is cached for one is never sent to another,
    /// though both may see the same personal data.
    pub async fn list_own<W>(
        &self,
        operation: &str,
        prepare: impl FnOnce(&Call, &Value, Redaction) -> Result<W>,
    ) -> Result<HttpResponse>
    where
        W: Fn(&mut Conn, &PageRequest) -> Result<Page> + Send + Sync + 'static,
    {
        let owner = self.actor.as_ref().map(|actor| actor.identity.to_string());
        self.list_for(owner, operation, prepare).await
    }

    /// Answers a list: a page of it in JSON, or the whole of it in the format that the request asks for. `prepare` judges
    /// the request, and gives back the work that finds a page in the database, for who sees this much.
    pub async fn list<W>(
        &self,
        operation: &str,
        prepare: impl FnOnce(&Call, &Value, Redaction) -> Result<W>,
    ) -> Result<HttpResponse>
    where
        W: Fn(&mut Conn, &PageRequest) -> Result<Page> + Send + Sync + 'static,
    {
        self.list_for(None, operation, prepare).await
    }

    async fn list_for<W>(
        &self,
        owner: Option<String>,
        operation: &str,
        prepare: impl FnOnce(&Call, &Value, Redaction) -> Result<W>,
    ) -> Result<HttpResponse>
    where
        W: Fn(&mut Conn, &PageRequest) -> Result<Page> + Send + Sync + 'static,
    {
        match format::asked(&self.request, format::OF_LISTS)? {
            Format::Json => {
                let asked = self.request.uri().path_and_query().map(|asked| asked.as_str()).unwrap_or_default();
                // In quotes, which no URI holds: a subject of tokens may be any text.
                let asked = owner.map_or_else(|| asked.to_owned(), |owner| format!("{asked} {owner:?}"));
                self.answer_to(&asked, |call, sight| {
                    let query = call.query(operation)?;
                    let listing = call.listing(operation, &query)?;
                    let work = prepare(call, &query, Redaction::new(sight, Hidden::Null))?;
                    Ok(move |conn: &mut Conn| listing.answer(work(conn, &listing.page)?))
                })
                .await
            }
            format => {
                self.judge_headers()?;
                let query = self.query(operation)?;
                refuse_paging(&query)?;
                let hidden = match format {
                    Format::Csv | Format::Xlsx => Hidden::Marked(self.language()),
                    _ => Hidden::Null,
                };
                let work = prepare(self, &query, Redaction::new(self.sight(), hidden))?;
                export::list(self, operation, format, work).await
            }
        }
    }

    /// Reads the page that a judged query asks for.
    pub fn listing(&self, operation: &str, query: &Value) -> Result<Listing> {
        let params: PageParams = typed(query)?;
        let mut pairs: Vec<&str> =
            self.request.query_string().split('&').filter(|p| !p.is_empty() && !p.starts_with("cursor=")).collect();
        let link_query = pairs.join("&");
        // What changes only how much of the list is shown does not make it another list.
        pairs.retain(|pair| !pair.starts_with("limit=") && !pair.starts_with("count="));
        pairs.sort_unstable();
        let list = page::list_digest(operation, &format!("{}?{}", self.request.path(), pairs.join("&")));
        let after = params.cursor.as_deref().map(|cursor| page::decode_cursor(&list, cursor)).transpose()?;
        let page = PageRequest {
            limit: params.limit.unwrap_or(LIMIT_DEFAULT),
            after,
            count: params.count.unwrap_or(false),
            list,
        };
        Ok(Listing { page, path: self.request.path().to_owned(), query: link_query })
    }
}

/// A file holds the whole of a list: who asks for a part of it did not mean this.
fn refuse_paging(query: &Value) -> Result<()> {
    let given = ["limit", "cursor", "count"].into_iter().filter(|name| !query[*name].is_null());
    let faults: Vec<Fault> = given
        .map(|name| Fault {
            pointer: format!("/query/{name}"),
            code: "not_for_files",
            message: msg!("文件包含整个列表，不能分页。", "is not for files, which hold the whole list"),
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::malformed(faults).into()) }
}

impl Listing {
    /// The answer with a page.
    fn answer(&self, page: Page) -> Result<Answer> {
        let Page { items, next, total, beside } = page;
        let cursor = next.map(|key| page::encode_cursor(&self.page.list, &key)).transpose()?;
        let mut body = json!({ "items": items });
        beside.into_iter().for_each(|(name, value)| body[name] = value);
        body["next_cursor"] = json!(cursor);
        if let Some(total) = total {
            body["total"] = json!(total);
        }
        let mut answer = Answer::other(&body)?;
        answer.link = cursor.map(|cursor| {
            let separator = if self.query.is_empty() { "" } else { "&" };
            let cursor = utf8_percent_encode(&cursor, NON_ALPHANUMERIC);
            format!("<{}?{}{separator}cursor={cursor}>; rel=\"next\"", self.path, self.query)
        });
        Ok(answer)
    }
}

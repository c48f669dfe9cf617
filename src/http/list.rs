//! Lists: their common parameters, and the pages that they return.

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

use super::format::{self, Format};
use super::record_cache::Rendered;
use super::response::{JSON, ReadResponse};
use super::{Call, export, typed};
use crate::access::redaction::{Hidden, Redaction};
use crate::db::Conn;
use crate::db::page::{self, Key, PageIds, PageRequest};
use crate::db::reference::Kind;
use crate::error::{Fault, Problem, Result};
use crate::msg;
use crate::record::ReadContext;

const LIMIT_DEFAULT: i64 = 50;
/// Room for the fields beside the items, in bytes.
const BESIDE_ITEMS: usize = 300;
/// The most items of a page: the maximum of [`PageParams::limit`].
const ITEMS_MAX: usize = 1000;

/// The parameters of every list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// The maximum number of items in a page.
    #[param(minimum = 1, maximum = 1000, default = 50, example = 20)]
    pub limit: Option<i64>,
    /// Start of the page: `next_cursor` of the previous page, with the same filters and sort order.
    #[param(max_length = 2000)]
    pub cursor: Option<String>,
    /// Whether to return the number of all items of the list (`total`).
    #[param(default = false, example = true)]
    pub count: Option<bool>,
}

/// The parameter `as_of`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AsOf {
    /// The date for which figures are computed (YYYY-MM-DD); by default today in the service's time zone.
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

/// Counts the records that match the filter of a list without reading them; `None` where the database has to count.
type CountList = dyn Fn(&mut Conn, &Kind, &Value, ReadContext) -> Result<Option<i64>> + Send + Sync;

/// The count of a list (`count=true`) from figures in memory; a part that the application inserts.
pub struct ListCounts(pub Box<CountList>);

/// One page of a list.
pub struct Page {
    pub items: Box<dyn Items>,
    pub next: Option<Key>,
    pub total: Option<i64>,
    /// Further fields of the response, placed after the items.
    pub beside: Map<String, Value>,
}

/// The items of a page: written as JSON directly from their types, or as values for the other formats.
pub trait Items: Send {
    /// Writes the items, separated by commas.
    fn write(&self, json: &mut Vec<u8>) -> Result<()>;
    fn into_values(self: Box<Self>) -> Result<Vec<Value>>;
}

impl<T: Serialize + Send> Items for Vec<T> {
    fn write(&self, json: &mut Vec<u8>) -> Result<()> {
        for (index, item) in self.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            serde_json::to_writer(&mut *json, item)?;
        }
        Ok(())
    }

    fn into_values(self: Box<Self>) -> Result<Vec<Value>> {
        (*self).into_iter().map(|item| Ok(serde_json::to_value(item)?)).collect()
    }
}

/// Records that are rendered already.
struct RenderedItems(Vec<Rendered>);

impl Items for RenderedItems {
    fn write(&self, json: &mut Vec<u8>) -> Result<()> {
        json.reserve(self.0.iter().map(|item| item.size() + 1).sum());
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            item.write(json);
        }
        Ok(())
    }

    fn into_values(self: Box<Self>) -> Result<Vec<Value>> {
        let mut json = vec![b'['];
        self.write(&mut json)?;
        json.push(b']');
        Ok(serde_json::from_slice(&json)?)
    }
}

impl Page {
    /// A page with the items loaded for its ids.
    pub fn new<T: Serialize + Send + 'static>(items: Vec<T>, page: PageIds) -> Page {
        Page::cut(items, page.next, page.total)
    }

    /// A page with records that are rendered already.
    pub fn of_rendered(items: Vec<Rendered>, page: PageIds) -> Page {
        let PageIds { next, total, .. } = page;
        Page { items: Box::new(RenderedItems(items)), next, total, beside: Map::new() }
    }

    /// A page with items, the key of the next page, and the number of all items when it was requested.
    pub fn cut<T: Serialize + Send + 'static>(items: Vec<T>, next: Option<Key>, total: Option<i64>) -> Page {
        Page { items: Box::new(items), next, total, beside: Map::new() }
    }

    /// The same page with further fields.
    pub fn beside(mut self, fields: Value) -> Page {
        if let Value::Object(fields) = fields {
            self.beside = fields;
        }
        self
    }
}

/// A validated list request.
pub struct Listing {
    pub page: PageRequest,
    path: String,
    /// The query without its cursor.
    query: String,
}

impl Call {
    /// Responds with a list: a page in JSON, or the whole list in another format.
    ///
    /// `prepare` validates the request and returns the query that loads a page, for the personal data that the caller may
    /// see.
    pub async fn list<W>(
        &self,
        operation: &str,
        prepare: impl FnOnce(&Call, &Value, Redaction) -> Result<W>,
    ) -> Result<HttpResponse>
    where
        W: Fn(&mut Conn, &PageRequest) -> Result<Page> + Send + Sync + 'static,
    {
        match format::negotiate(&self.request, format::OF_LISTS)? {
            Format::Json => {
                self.respond(|call, visibility| {
                    let query = call.query(operation)?;
                    let listing = call.listing(operation, &query)?;
                    let work = prepare(call, &query, Redaction::new(visibility, Hidden::Null))?;
                    Ok(move |conn: &mut Conn| listing.response(work(conn, &listing.page)?))
                })
                .await
            }
            format => {
                self.state.sealer.settle().await;
                self.validate_headers()?;
                let query = self.query(operation)?;
                reject_paging(&query)?;
                let hidden = match format {
                    Format::Csv | Format::Xlsx => Hidden::Marked(self.language()),
                    _ => Hidden::Null,
                };
                let work = prepare(self, &query, Redaction::new(self.visibility(), hidden))?;
                export::list(self, operation, format, work).await
            }
        }
    }

    /// Whether a list is returned as JSON, and not as a file.
    pub fn is_json_list(&self) -> Result<bool> {
        Ok(format::negotiate(&self.request, format::OF_LISTS)? == Format::Json)
    }

    /// The list request of a validated query.
    pub fn listing(&self, operation: &str, query: &Value) -> Result<Listing> {
        let params: PageParams = typed(query)?;
        let mut pairs: Vec<&str> =
            self.request.query_string().split('&').filter(|p| !p.is_empty() && !p.starts_with("cursor=")).collect();
        let link_query = pairs.join("&");
        // A cursor stays valid when only `limit` or `count` changes.
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

/// Rejects paging parameters for files, which contain the whole list.
fn reject_paging(query: &Value) -> Result<()> {
    let given = ["limit", "cursor", "count"].into_iter().filter(|name| !query[*name].is_null());
    let faults: Vec<Fault> = given
        .map(|name| Fault {
            pointer: format!("/query/{name}"),
            code: "not_for_files",
            message: msg!("文件包含整个列表，不能分页。", "cannot be used with files, which contain the whole list"),
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::malformed(faults).into()) }
}

impl Listing {
    /// The response with a page.
    fn response(&self, page: Page) -> Result<ReadResponse> {
        let Page { items, next, total, beside } = page;
        let cursor = next.map(|key| page::encode_cursor(&self.page.list, &key)).transpose()?;
        let mut fields = beside;
        fields.insert("next_cursor".to_owned(), json!(cursor));
        if let Some(total) = total {
            fields.insert("total".to_owned(), json!(total));
        }
        let mut body = b"{\"items\":[".to_vec();
        items.write(&mut body)?;
        // Cached as it is, so that it must not take twice its length.
        body.reserve_exact(BESIDE_ITEMS);
        body.push(b']');
        for (name, value) in &fields {
            body.push(b',');
            serde_json::to_writer(&mut body, name)?;
            body.push(b':');
            serde_json::to_writer(&mut body, value)?;
        }
        body.push(b'}');
        let mut response = ReadResponse::new(body, JSON);
        response.link = cursor.map(|cursor| {
            let separator = if self.query.is_empty() { "" } else { "&" };
            let cursor = utf8_percent_encode(&cursor, NON_ALPHANUMERIC);
            format!("<{}?{}{separator}cursor={cursor}>; rel=\"next\"", self.path, self.query)
        });
        Ok(response)
    }
}

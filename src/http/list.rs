//! Lists: the parameters that every one takes, the page that every one gives.

use chrono::NaiveDate;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::answer::Answer;
use super::{Call, typed};
use crate::db::page::{self, Key, PageIds, PageRequest};
use crate::error::Result;

const LIMIT_DEFAULT: i64 = 50;

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

/// A list request, ready for the store.
pub struct Listing {
    pub page: PageRequest,
    path: String,
    /// The query without its cursor.
    query: String,
}

impl Call {
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

impl Listing {
    /// The answer with these items, which stand for the page's ids.
    pub fn answer(&self, items: Value, page: &PageIds) -> Result<Answer> {
        self.answer_with(json!({ "items": items }), page.next.as_ref(), page.total)
    }

    /// Completes a body with what every list has.
    pub fn answer_with(&self, mut body: Value, next: Option<&Key>, total: Option<i64>) -> Result<Answer> {
        let cursor = next.map(|key| page::encode_cursor(&self.page.list, key)).transpose()?;
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

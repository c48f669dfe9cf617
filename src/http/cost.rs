//! The class and the client of a request, which determine its threads and its deadline ([`Class`]).

use actix_web::HttpRequest;

use super::{Call, peer};
use crate::access::Actor;
use crate::db::{Class, Client, Conn};
use crate::error::Result;

/// The class of a request. A search with `count=true` must find all matches, whereas one without stops after a page.
fn of_request(class: Class, query: &str) -> Class {
    let has = |wanted: &str| query.split('&').any(|pair| pair.starts_with(wanted));
    if has("q=") && has("count=true") { Class::LongRead } else { class }
}

/// The client that a request counts against: its key, or its address when it has none.
pub fn client(request: &HttpRequest, actor: Option<&Actor>) -> Client {
    match (actor, peer::of(request)) {
        (Some(actor), _) => Client::Identity(actor.identity.to_string()),
        (None, Some(address)) => Client::Address(peer::counted(address)),
        (None, None) => Client::Service,
    }
}

impl Call {
    /// The client that this request counts against.
    pub fn client(&self) -> Client {
        client(&self.request, self.actor.as_ref())
    }

    /// The class of this request.
    pub fn class(&self) -> Class {
        of_request(self.class, self.request.query_string())
    }

    /// Runs a read with the class and client of this request.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.state.store.read_as(self.class(), &self.client(), work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_search_is_a_long_read() {
        for (query, class) in [
            ("", Class::ShortRead),
            ("q=%E9%87%8C", Class::ShortRead),
            ("count=true&sort=q", Class::ShortRead),
            ("count=false&q=x", Class::ShortRead),
            ("limit=1&q=%E9%87%8C&count=true", Class::LongRead),
        ] {
            assert_eq!(of_request(Class::ShortRead, query), class, "{query}");
        }
        assert_eq!(of_request(Class::LongRead, ""), Class::LongRead);
    }
}

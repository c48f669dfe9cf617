//! What a request costs, and on whose behalf it is done: from these follow its permits and its deadline ([`Class`]).

use actix_web::HttpRequest;

use super::{Call, peer};
use crate::access::Actor;
use crate::db::{Class, Client, Conn};
use crate::error::Result;

/// The class of one request of an operation. A search that is counted finds all that fits, where one that is not ends with its page.
fn of_request(class: Class, query: &str) -> Class {
    let has = |wanted: &str| query.split('&').any(|pair| pair.starts_with(wanted));
    if has("q=") && has("count=true") { Class::LongRead } else { class }
}

/// Whose share of the service a request takes: a key's, or that of the network where it comes from.
pub fn client(request: &HttpRequest, actor: Option<&Actor>) -> Client {
    match (actor, peer::of(request)) {
        (Some(actor), _) => Client::Identity(actor.identity.to_string()),
        (None, Some(address)) => Client::Address(peer::counted(address)),
        (None, None) => Client::Service,
    }
}

impl Call {
    /// Whose share of the service this request takes.
    pub fn client(&self) -> Client {
        client(&self.request, self.actor.as_ref())
    }

    /// What this request costs.
    pub fn class(&self) -> Class {
        of_request(self.class, self.request.query_string())
    }

    /// Runs a read of this request.
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
    fn a_search_that_is_counted_is_long() {
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

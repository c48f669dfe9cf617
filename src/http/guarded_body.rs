//! A response body with a guard, which is dropped once the body is sent or its client has disconnected.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

struct GuardedBody<T> {
    body: BoxBody,
    _guard: T,
}

/// The body, with a guard that lives as long as it does.
pub fn with_guard<T: Unpin + 'static>(body: BoxBody, guard: T) -> BoxBody {
    BoxBody::new(GuardedBody { body, _guard: guard })
}

impl<T: Unpin> MessageBody for GuardedBody<T> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.get_mut().body.as_pin_mut().poll_next(cx)
    }
}

//! A body that keeps something until it is sent, or until its reader is gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

/// An answer's body, and what is dropped with it.
struct Held<T> {
    body: BoxBody,
    _kept: T,
}

/// The body, keeping this.
pub fn hold<T: Unpin + 'static>(body: BoxBody, kept: T) -> BoxBody {
    BoxBody::new(Held { body, _kept: kept })
}

impl<T: Unpin> MessageBody for Held<T> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.get_mut().body.as_pin_mut().poll_next(cx)
    }
}

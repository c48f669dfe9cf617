//! Bodies that nobody reads to their end.
//!
//! A request that is refused early leaves a body behind. Of one with a `Content-Length` the server reads no more than
//! for a moment, and closes the connection. One in chunks it would read to its end, however long that is and however
//! slowly it comes: it takes a body that was dropped for one to be drained. So the body is kept until the answer is sent,
//! which closes the connection in either case.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_core::Stream;

use super::held;

/// A request's body in chunks, held by who reads it and by who answers.
pub struct Shared(Rc<RefCell<Payload>>);

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

/// Takes a second handle to a body in chunks; `None` for any other.
pub fn share(request: &mut ServiceRequest) -> Option<Shared> {
    if !request.headers().contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    let payload = Rc::new(RefCell::new(request.take_payload()));
    request.set_payload(Payload::Stream { payload: Box::pin(Shared(payload.clone())) });
    Some(Shared(payload))
}

/// Keeps the request's body until its answer is sent.
pub fn keep(response: ServiceResponse<BoxBody>, request_body: Option<Shared>) -> ServiceResponse<BoxBody> {
    match request_body {
        Some(request_body) => response.map_body(|_, body| held::hold(body, request_body)),
        None => response,
    }
}

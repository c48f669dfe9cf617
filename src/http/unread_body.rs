//! Request bodies that are not read to their end, because the request is rejected early.
//!
//! After the response, actix-http reads an unread body with a `Content-Length` for a short time and then closes the
//! connection. A dropped chunked body, however, is read to its end, however long that takes. A chunked body is therefore kept
//! until the response is sent, so that actix-http closes the connection in both cases.

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

use super::guarded_body;

/// A chunked request body, shared by its reader and the envelope.
pub struct Shared(Rc<RefCell<Payload>>);

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

/// A second handle to a chunked request body; `None` for any other body.
pub fn share(request: &mut ServiceRequest) -> Option<Shared> {
    if !request.headers().contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    let payload = Rc::new(RefCell::new(request.take_payload()));
    request.set_payload(Payload::Stream { payload: Box::pin(Shared(payload.clone())) });
    Some(Shared(payload))
}

/// Keeps the request body until the response is sent.
pub fn hold_until_sent(response: ServiceResponse<BoxBody>, request_body: Option<Shared>) -> ServiceResponse<BoxBody> {
    match request_body {
        Some(request_body) => response.map_body(|_, body| guarded_body::with_guard(body, request_body)),
        None => response,
    }
}

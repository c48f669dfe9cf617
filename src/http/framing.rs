//! Framing of response bodies: a response to HEAD has no body, and HTTP/1.0 has no chunked coding.
//!
//! HEAD is handled here alone. Handlers run as for GET (the envelope changes the method before routing); those whose body is
//! expensive to generate skip it when [`is_head`] is true.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, Version, header};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest};

/// Marks a HEAD request; an extension of the request.
#[derive(Clone, Copy)]
struct Head;

/// The body of a response to HEAD.
///
/// Its size is that of a stream, so that actix-http writes the `Content-Length` from the response's headers, which is that of
/// the GET. With a size of its own, the length would be written twice or be 0. Besides, actix-http would send the body of a
/// HEAD that is followed by another request in the same packet, because its encoder checks the method of the last request
/// read.
struct Unsent;

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Routes a HEAD request as a GET.
pub fn route_head_as_get(request: &mut ServiceRequest) {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(Head);
    }
}

/// Whether only the head of the response will be sent.
pub fn is_head(request: &HttpRequest) -> bool {
    request.extensions().contains::<Head>()
}

/// Frames a response for its request.
pub fn frame(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let size = response.response().body().size();
    if size == BodySize::None {
        return response;
    }
    if is_head(response.request()) {
        response.response_mut().head_mut().no_chunking(true);
        if let BodySize::Sized(bytes) = size {
            response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
        }
        return response.map_body(|_, _| BoxBody::new(Unsent));
    }
    if size == BodySize::Stream && response.request().version() < Version::HTTP_11 {
        let head = response.response_mut().head_mut();
        head.no_chunking(true);
        // Without chunks, only the end of the connection marks the end of the body (RFC 9112, section 6.3).
        head.set_connection_type(ConnectionType::Close);
    }
    response
}

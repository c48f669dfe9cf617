//! How the body of a response is framed: HEAD has none, and HTTP/1.0 knows no chunks.
//!
//! This is the one place that answers HEAD. Handlers run as for GET (the envelope changes the method before routing); those
//! whose body is expensive to make look at [`is_head`] and leave it unmade.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, Version, header};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest};

/// Marks a request that came as HEAD, as its extension.
#[derive(Clone, Copy)]
struct Head;

/// A body of which nothing is sent.
///
/// Its size is that of a stream: actix-http then writes the `Content-Length` of the response's own headers, which is what a GET
/// would have. With a size of its own, the length would be written twice or be 0, and a HEAD followed by another request in
/// the same packet would be sent with its body, because the encoder looks at the method of the request read last.
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

/// Has a HEAD routed as the GET whose head it asks for.
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
        // The end of the connection is the end of the body (RFC 9112, section 6.3).
        head.set_connection_type(ConnectionType::Close);
    }
    response
}

//! An in-process client of the application that the server runs.

use std::cell::RefCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{test, web};
use pairing_tracker::app::app;
use pairing_tracker::http::AppState;
use serde_json::Value;

use super::validator::{Exchange, VALIDATOR};

/// Sends requests to the application, with a key or without.
#[derive(Clone)]
pub struct Client {
    pub state: web::Data<AppState>,
    key: Option<String>,
    peer: Option<SocketAddr>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    /// The body as JSON; null when there is none.
    pub body: Value,
    pub bytes: Vec<u8>,
}

/// The application as a function of a request.
type Service = Rc<dyn Fn(test::TestRequest) -> Pin<Box<dyn Future<Output = ServiceResponse>>>>;

type Built = ManuallyDrop<(Arc<AppState>, Service)>;

/// The applications that a thread reuses: enough for a test that alternates between settings.
const BUILT_MAX: usize = 3;

thread_local! {
    /// The applications that this thread called last, the newest at the end. Building one costs more than most requests, and it is
    /// bound to its thread, while a client is not. It cannot be dropped when the thread ends; [`Session`] drops it before.
    static BUILT: RefCell<Vec<Built>> = const { RefCell::new(Vec::new()) };
}

/// While it exists, clients on this thread reuse the applications that they called last.
pub struct Session;

impl Drop for Session {
    fn drop(&mut self) {
        BUILT.take().into_iter().for_each(|built| drop(ManuallyDrop::into_inner(built)));
    }
}

/// The application over a state, built once as long as a thread uses few states.
async fn service(state: &web::Data<AppState>) -> Service {
    let state = state.clone().into_inner();
    let known = BUILT.with_borrow(|all| {
        let built = all.iter().find(|built| Arc::ptr_eq(&built.0, &state))?;
        Some(built.1.clone())
    });
    if let Some(service) = known {
        return service;
    }
    let built = Rc::new(test::init_service(app(web::Data::from(state.clone()))).await);
    let service: Service = Rc::new(move |request| {
        let built = built.clone();
        Box::pin(async move { test::call_service(&*built, request.to_request()).await.map_into_boxed_body() })
    });
    let oldest = BUILT.with_borrow_mut(|all| {
        let oldest = (all.len() == BUILT_MAX).then(|| all.remove(0));
        all.push(ManuallyDrop::new((state, service.clone())));
        oldest
    });
    oldest.map(ManuallyDrop::into_inner);
    service
}

impl Client {
    pub fn new(state: web::Data<AppState>, key: Option<String>) -> Client {
        Client { state, key, peer: None }
    }

    /// The same application with another key.
    pub fn with_key(&self, key: impl Into<String>) -> Client {
        Client { key: Some(key.into()), ..self.clone() }
    }

    /// The same application without a key.
    pub fn anonymous(&self) -> Client {
        Client { key: None, ..self.clone() }
    }

    /// The same client at an address; without an address it is not limited.
    pub fn at(&self, address: &str) -> Client {
        let address: IpAddr = address.parse().expect("an address");
        Client { peer: Some(SocketAddr::new(address, 4711)), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// A change without a check of the version.
    pub async fn patch(&self, path: &str, body: Value) -> Response {
        self.send(Method::PATCH, path, &[("If-Match", "*")], Some(body)).await
    }

    /// A deletion without a check of the version.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, &[("If-Match", "*")], None).await
    }

    /// Sends JSON with these headers; a path without a leading slash is below `/api/v1/`.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Response {
        let body = body.map(|body| body.to_string().into_bytes());
        let mut all = headers.to_vec();
        if body.is_some() && headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("content-type")) {
            all.push((
                "Content-Type",
                if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" },
            ));
        }
        self.send_bytes(method, path, &all, body).await
    }

    /// Returns a response whose body is not read yet; a path without a leading slash is below `/api/v1/`.
    pub async fn open(&self, path: &str) -> ServiceResponse {
        let service = service(&self.state).await;
        let key = self.key.clone().unwrap_or_default();
        let path = format!("/api/v1/{path}");
        let mut request = test::TestRequest::with_uri(&path);
        if let Some(peer) = self.peer {
            request = request.peer_addr(peer);
        }
        let response = service(request.append_header((header::AUTHORIZATION, format!("Bearer {key}")))).await;
        check(&Method::GET, &path, response.status(), response.headers(), None);
        response
    }

    /// Sends bytes with these headers.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Response {
        let service = service(&self.state).await;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/v1/{path}") };
        let mut request = test::TestRequest::with_uri(&path).method(method.clone());
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        if let Some(peer) = self.peer {
            request = request.peer_addr(peer);
        }
        if let Some(key) = &self.key {
            request = request.append_header((header::AUTHORIZATION, format!("Bearer {key}")));
        }
        if let Some(body) = body {
            request = request.set_payload(body);
        }
        let response = service(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body()).await.unwrap_or_default().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let response = Response { status, headers, body, bytes };
        response.check(&method, &path);
        response
    }
}

impl Response {
    /// A header's text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the response if it has this status, and panics otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// The faults of a problem as (pointer, code), in order.
    pub fn faults(&self) -> Vec<(String, String)> {
        let text = |fault: &Value, key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let faults = self.body["errors"].as_array().cloned().unwrap_or_default();
        faults.iter().map(|fault| (text(fault, "pointer"), text(fault, "code"))).collect()
    }

    /// The codes of a list's items.
    pub fn codes(&self) -> Vec<String> {
        let items = self.body["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["code"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Checks what holds for every response: safe headers, a request id, no 500, and conformity with the document.
    fn check(&self, method: &Method, path: &str) {
        check(method, path, self.status, &self.headers, Some(&self.bytes));
    }
}

/// Validates a response; its body only where it is read.
#[track_caller]
fn check(method: &Method, path: &str, status: StatusCode, headers: &header::HeaderMap, body: Option<&[u8]>) {
    let context = || format!("{method} {path}: {status} {}", String::from_utf8_lossy(body.unwrap_or_default()));
    assert!(headers.get("x-request-id").is_some_and(|id| !id.is_empty()), "{}", context());
    assert_eq!(
        headers.get("x-content-type-options").map(HeaderValue::as_bytes),
        Some(&b"nosniff"[..]),
        "{}",
        context()
    );
    assert_ne!(status.as_u16(), 500, "{}", context());
    let faults = VALIDATOR.faults(&Exchange { method, path, status: status.as_u16(), headers, body });
    assert!(faults.is_empty(), "{faults:?} {}", context());
}

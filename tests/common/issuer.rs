//! An OpenID Connect issuer on a local port that signs any token and can misbehave on request.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use pairing_tracker::access::oidc::Times;
use pairing_tracker::config::Settings;
use pairing_tracker::config::oidc::OidcSettings;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use serde_json::{Value, json};

use super::{Client, Database, databases};

/// The audience (`aud`) of tokens for the service.
pub const AUDIENCE: &str = "pairing-tracker";

/// Keys made with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`, used only in these tests.
const RSA: [&str; 2] = [include_str!("keys/only-for-tests-1.pem"), include_str!("keys/only-for-tests-2.pem")];

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key that tokens are signed with.
pub struct SigningKey {
    pub kid: &'static str,
    pair: Pair,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl SigningKey {
    /// One of the two RSA keys.
    pub fn rsa(kid: &'static str, which: usize) -> SigningKey {
        let text: String = RSA[which].lines().filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64_STANDARD.decode(text).expect("base64");
        SigningKey { kid, pair: Pair::Rsa(RsaKeyPair::from_pkcs8(&der).expect("an RSA key")) }
    }

    /// A new key for an algorithm: the first RSA key, or one of its curve.
    pub fn of(kid: &'static str, algorithm: &str) -> SigningKey {
        let random = SystemRandom::new();
        let curve = |curve: &'static signature::EcdsaSigningAlgorithm| {
            let der = EcdsaKeyPair::generate_pkcs8(curve, &random).expect("a key");
            EcdsaKeyPair::from_pkcs8(curve, der.as_ref(), &random).expect("a key")
        };
        let pair = match algorithm {
            "ES256" => Pair::P256(curve(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)),
            "ES384" => Pair::P384(curve(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)),
            "EdDSA" => {
                let der = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("a key"))
            }
            _ => return SigningKey::rsa(kid, 0),
        };
        SigningKey { kid, pair }
    }

    /// The public key as an issuer publishes it.
    pub fn jwk(&self) -> Value {
        let point = |crv: &str, key: &EcdsaKeyPair| {
            let point = &key.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": crv, "x": encode(x), "y": encode(y) })
        };
        let mut jwk = match &self.pair {
            Pair::Rsa(key) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
                json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
            }
            Pair::P256(key) => point("P-256", key),
            Pair::P384(key) => point("P-384", key),
            Pair::Ed25519(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key()) }),
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with this header and these claims, signed with the header's `alg`.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let (bytes, random) = (message.as_bytes(), SystemRandom::new());
        let signature = match &self.pair {
            Pair::Rsa(key) => {
                let padding: &dyn signature::RsaEncoding = match header["alg"].as_str() {
                    Some("RS384") => &signature::RSA_PKCS1_SHA384,
                    Some("RS512") => &signature::RSA_PKCS1_SHA512,
                    Some("PS256") => &signature::RSA_PSS_SHA256,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, bytes, &mut signature).expect("a signature");
                signature
            }
            Pair::P256(key) | Pair::P384(key) => key.sign(&random, bytes).expect("a signature").as_ref().to_vec(),
            Pair::Ed25519(key) => key.sign(bytes).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(signature))
    }
}

/// A token signed with a shared secret, which no issuer uses.
pub fn sign_with_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    format!("{message}.{}", encode(ring::hmac::sign(&key, message.as_bytes())))
}

/// A token without a signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}.", encode(header.to_string()), encode(claims.to_string()))
}

/// How the issuer responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    Good,
    /// With status 500.
    Failing,
    /// With unrelated content.
    Garbage,
    /// With valid keys, followed by 2 MiB of other data.
    Huge,
    /// Never.
    Silent,
    /// With a redirect to the valid keys.
    Redirecting,
    /// As another issuer.
    Foreign,
    /// With a URL of its keys that uses plain http.
    Plain,
}

struct Shared {
    behavior: Behavior,
    keys: Vec<Value>,
    cache_control: Option<&'static str>,
}

struct State {
    url: String,
    shared: Mutex<Shared>,
    discovery_asked: AtomicUsize,
    keys_asked: AtomicUsize,
}

impl State {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("the lock is not poisoned")
    }
}

/// The issuer; stopped at the end of the test.
pub struct Issuer {
    pub url: String,
    state: Arc<State>,
    server: ServerHandle,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn discovery(state: web::Data<Arc<State>>) -> HttpResponse {
    state.discovery_asked.fetch_add(1, Ordering::SeqCst);
    let (behavior, url) = (state.shared().behavior, &state.url);
    let (issuer, keys) = match behavior {
        Behavior::Failing => return HttpResponse::InternalServerError().finish(),
        Behavior::Garbage => return HttpResponse::Ok().body("<html>Sign in</html>"),
        Behavior::Silent => std::future::pending().await,
        Behavior::Foreign => ("https://id.example.org".to_owned(), format!("{url}/keys")),
        Behavior::Plain => (url.clone(), "http://id.example.org/keys".to_owned()),
        Behavior::Good | Behavior::Huge | Behavior::Redirecting => (url.clone(), format!("{url}/keys")),
    };
    HttpResponse::Ok().json(json!({ "issuer": issuer, "jwks_uri": keys, "authorization_endpoint": "https://unused" }))
}

async fn keys(state: web::Data<Arc<State>>) -> HttpResponse {
    state.keys_asked.fetch_add(1, Ordering::SeqCst);
    let shared = state.shared();
    if shared.behavior == Behavior::Redirecting {
        return HttpResponse::Found().insert_header(("Location", format!("{}/elsewhere", state.url))).finish();
    }
    let padding = if shared.behavior == Behavior::Huge { " ".repeat(2 * 1024 * 1024) } else { String::new() };
    let mut response = HttpResponse::Ok();
    if let Some(value) = shared.cache_control {
        response.insert_header(("Cache-Control", value));
    }
    response.content_type("application/json").body(format!("{padding}{}", json!({ "keys": shared.keys })))
}

impl Issuer {
    /// Starts an issuer with one RSA key, `first`.
    pub fn start() -> Issuer {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
                let url = format!("http://{}", listener.local_addr().expect("an address"));
                let shared = Shared { behavior: Behavior::Good, keys: Vec::new(), cache_control: None };
                let state = Arc::new(State {
                    url,
                    shared: Mutex::new(shared),
                    discovery_asked: AtomicUsize::new(0),
                    keys_asked: AtomicUsize::new(0),
                });
                let data = web::Data::new(state.clone());
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(data.clone())
                        .route("/.well-known/openid-configuration", web::get().to(discovery))
                        .route("/keys", web::get().to(keys))
                        .route("/elsewhere", web::get().to(keys))
                })
                .workers(1)
                .disable_signals()
                .listen(listener)
                .expect("it listens")
                .run();
                sender.send((state, server.handle())).expect("the test still runs");
                server.await.expect("it runs");
            });
        });
        let (state, server) = receiver.recv().expect("the issuer starts");
        let issuer = Issuer { url: state.url.clone(), state, server };
        issuer.publish(&[&SigningKey::rsa("first", 0)]);
        issuer
    }

    /// Stops it: no process listens at its address any more.
    pub async fn stop(&self) {
        self.server.stop(false).await;
    }

    /// Publishes these keys in place of those before.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.publish_as(keys.iter().map(|key| key.jwk()).collect());
    }

    /// Publishes these as its keys.
    pub fn publish_as(&self, keys: Vec<Value>) {
        self.state.shared().keys = keys;
    }

    pub fn set_behavior(&self, behavior: Behavior) {
        self.state.shared().behavior = behavior;
    }

    pub fn set_cache_control(&self, value: &'static str) {
        self.state.shared().cache_control = Some(value);
    }

    /// The number of requests for its metadata, and for its keys.
    pub fn requests(&self) -> (usize, usize) {
        (self.state.discovery_asked.load(Ordering::SeqCst), self.state.keys_asked.load(Ordering::SeqCst))
    }

    /// The settings of a service that accepts its tokens.
    pub fn settings(&self) -> OidcSettings {
        OidcSettings::new(&self.url, AUDIENCE)
    }

    /// The claims of a valid token, some of them changed or added; null removes a claim.
    pub fn claims(&self, changes: Value) -> Value {
        let mut claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "s-1", "iat": in_seconds(0), "exp": in_seconds(300),
            "preferred_username": "陈老师",
        });
        let fields = claims.as_object_mut().expect("an object");
        for (name, value) in changes.as_object().expect("an object") {
            fields.insert(name.clone(), value.clone());
        }
        fields.retain(|_, value| !value.is_null());
        claims
    }

    /// A valid token with these additional claims, signed with the key that [`Issuer::start`] publishes.
    pub fn token(&self, changes: Value) -> String {
        SigningKey::rsa("first", 0).sign(&header("first"), &self.claims(changes))
    }
}

/// The header of a token that a key signed with RS256.
pub fn header(kid: &str) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid })
}

/// A time as tokens contain it.
pub fn in_seconds(seconds: i64) -> i64 {
    chrono::Utc::now().timestamp() + seconds
}

/// A clock that a test advances.
#[derive(Clone)]
pub struct Clock {
    began: Instant,
    seconds: Arc<AtomicU64>,
}

impl Clock {
    pub fn new() -> Clock {
        Clock { began: Instant::now(), seconds: Arc::default() }
    }

    pub fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The service's time-outs by this clock, generous enough for a busy machine.
    pub fn times(&self) -> Times {
        let clock = self.clone();
        let now = move || clock.began + Duration::from_secs(clock.seconds.load(Ordering::SeqCst));
        Times { question: Duration::from_secs(60), clock: Arc::new(now), ..Times::default() }
    }
}

/// The claims of a role and its pairings.
pub fn role(role: &str, pairings: Value) -> Value {
    json!({ "pairing_tracker_role": role, "pairing_tracker_pairings": pairings })
}

/// The application with an issuer and a test clock.
pub fn client(database: &Database, issuer: &Issuer, clock: &Clock) -> Client {
    client_with(database, issuer, clock.times(), |_| {})
}

/// The application with an issuer, this clock and other settings.
pub fn client_with(database: &Database, issuer: &Issuer, times: Times, change: impl FnOnce(&mut Settings)) -> Client {
    database.client_at(times, |settings| {
        settings.oidc = Some(issuer.settings());
        change(settings);
    })
}

/// The status of a read with a token; without one it is 200.
pub async fn read_status(client: &Client, token: &str) -> u16 {
    client.with_key(token).get("sectors").await.status.as_u16()
}

/// Runs a test on SQLite only, where the backend does not matter.
pub fn on_sqlite(test: impl AsyncFn(Database)) {
    super::builders::block_on(async || test(databases(false).swap_remove(0)).await);
}

//! Signatures of Standard Webhooks 1.0 ("Signature scheme"): HMAC-SHA256 with a shared secret over the message id, the
//! timestamp of the attempt and the body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::Rng;
use ring::hmac;

use crate::error::{Error, Result};

/// Prefix of a secret.
pub const PREFIX: &str = "whsec_";
/// Length of a secret in bytes; the specification requires 24 to 64.
const SECRET_BYTES: usize = 32;

/// Generates a random secret.
pub fn new_secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes))
}

/// Returns the value of `webhook-signature`: one signature for each secret, separated by spaces. `timestamp` is in
/// seconds since 1970. Fails if a secret is malformed.
pub fn signatures(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let each: Result<Vec<String>> = secrets.iter().map(|secret| signature(secret, id, timestamp, body)).collect();
    Ok(each?.join(" "))
}

fn signature(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let key = secret.strip_prefix(PREFIX).and_then(|text| BASE64_STANDARD.decode(text).ok());
    // The error must not contain the secret.
    let key = key.ok_or_else(|| Error::unexpected("the stored secret of a webhook is malformed"))?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    Ok(format!("v1,{}", BASE64_STANDARD.encode(context.sign())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vector of the specification's reference libraries; Python's `hmac` computes the same signature.
    #[test]
    fn the_known_message_has_the_known_signature() {
        let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()];
        let body = br#"{"test": 2432232314}"#;
        let signed = signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs_and_what_is_none_is_refused() {
        let secrets = [new_secret(), new_secret()];
        assert!(secrets[0] != secrets[1] && secrets[0].len() == PREFIX.len() + 44);
        let both = signatures(&secrets, "msg_1", 1, b"{}").unwrap();
        let parts: Vec<&str> = both.split(' ').collect();
        assert!(parts.len() == 2 && parts[0] != parts[1] && parts.iter().all(|part| part.starts_with("v1,")));
        let message = signatures(&["whsec_%".to_owned()], "msg_1", 1, b"{}").unwrap_err().to_string();
        assert!(!message.contains('%'), "{message}");
    }
}

//! Signatures of Standard Webhooks 1.0 ("Signature scheme"): HMAC-SHA256 with a shared secret over the message id, the
//! timestamp of the attempt and the body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;

use crate::access::secrets::Secret;
use crate::error::Result;

/// Returns the value of `webhook-signature`: one signature for each secret, separated by spaces. `timestamp` is in
/// seconds since 1970. Fails if a secret is malformed.
pub fn signatures(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let each: Result<Vec<String>> = secrets.iter().map(|secret| signature(secret, id, timestamp, body)).collect();
    Ok(each?.join(" "))
}

fn signature(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let mut context = hmac::Context::with_key(&secret.hmac_key()?);
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    Ok(format!("v1,{}", BASE64_STANDARD.encode(context.sign())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::secrets::signing;
    use crate::model::types::Instant;

    /// Test vector of the specification's reference libraries; Python's `hmac` computes the same signature.
    #[test]
    fn the_known_message_has_the_known_signature() {
        let secrets = signing::in_use("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), None, None, Instant::now());
        let body = br#"{"test": 2432232314}"#;
        let signed = signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs() {
        let both = signatures(&[signing::new_secret(), signing::new_secret()], "msg_1", 1, b"{}").unwrap();
        let parts: Vec<&str> = both.split(' ').collect();
        assert!(parts.len() == 2 && parts[0] != parts[1] && parts.iter().all(|part| part.starts_with("v1,")));
    }
}

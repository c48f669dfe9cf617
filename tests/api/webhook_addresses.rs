//! Addresses that webhooks never send to.

use pairing_tracker::model::types::Instant;
use pairing_tracker::webhooks::claims::Written;
use serde_json::{Value, json};

use crate::common::on_each;
use crate::common::receiver::{Receiver, Reply, after, create_webhook, deliver_due, deliveries};
use crate::common::records::{create, milestone};

#[test]
fn an_address_that_has_become_private_receives_nothing() {
    on_each(|database| async move {
        let receiver = Receiver::start();
        // A host name that resolved to a public address when the webhook was created.
        let strict = database.client();
        let url = format!("https://moves.test:{}/", receiver.address.port());
        let made = strict.post("webhooks", json!({ "url": url })).await.expect(201).body;
        let moved = format!("webhooks/{}", made["webhook"]["id"]);
        // A network that the operator no longer allows, by address and by name.
        let admin = database.webhook_client();
        let (by_address, _) = create_webhook(&admin, &receiver, json!({})).await;
        let by_name = format!("http://localhost:{}/", receiver.address.port());
        let (by_name, _) = create_webhook(&admin, &receiver, json!({ "url": by_name })).await;
        create(&admin, "milestones", milestone("step")).await;
        let now = Instant::now();
        assert_eq!(deliver_due(&strict, now).await, [Written::Retried; 3]);
        assert_eq!(receiver.received().len(), 0);
        for hook in [&moved, &by_address, &by_name] {
            let delivery = deliveries(&admin, hook).await.remove(0);
            assert_eq!(
                (&delivery["last_failure"], &delivery["last_status_code"]),
                (&json!("target_refused"), &Value::Null)
            );
        }
        // The control: where the address is allowed, the message arrives. The https one fails, as this receiver does not
        // support TLS.
        let written = deliver_due(&admin, after(now, 6)).await;
        assert_eq!(written.iter().filter(|written| **written == Written::Delivered).count(), 2);
        assert_eq!(receiver.received().len(), 2);
        let delivery = deliveries(&admin, &moved).await.remove(0);
        assert!(
            ["tls", "not_connected", "protocol"].contains(&delivery["last_failure"].as_str().expect("a word")),
            "{delivery}"
        );
    });
}

#[test]
fn a_redirect_is_not_followed() {
    on_each(|database| async move {
        let admin = database.webhook_client();
        let (receiver, other) = (Receiver::start(), Receiver::start());
        let (hook, _) = create_webhook(&admin, &receiver, json!({})).await;
        for status in [301, 302, 303, 307, 308] {
            receiver.respond_with([Reply { status, headers: format!("Location: {}\r\n", other.url()) }]);
            admin.post(&format!("{hook}/test"), json!({})).await.expect(200);
            assert_eq!(deliver_due(&admin, Instant::now()).await, [Written::Retried], "{status}");
            let delivery = deliveries(&admin, &hook).await.pop().expect("a delivery");
            assert_eq!((&delivery["last_failure"], &delivery["last_status_code"]), (&json!("status"), &json!(status)));
        }
        assert_eq!((receiver.received().len(), other.received().len()), (5, 0));
    });
}

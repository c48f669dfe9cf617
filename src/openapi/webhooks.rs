//! The `webhooks` section of the document (OpenAPI 3.1): the messages that the service sends.
//!
//! The operation has a tag of its own and is marked as internal. Otherwise, client generators would add it to the class of the
//! operations that manage webhooks, or overwrite that class.

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// The tag of webhook messages.
const TAG: &str = "webhook-events";

/// Adds the message to the document.
pub fn add(document: &mut Value) -> Result<()> {
    let tags = document["tags"].as_array_mut().ok_or_else(|| Error::unexpected("the document has no tags"))?;
    tags.push(
        json!({ "name": TAG, "description": "Messages that the service sends to webhooks. 服务主动推送的消息。" }),
    );
    let header = |name: &str, description: &str, schema: Value, example: Value| {
        json!({ "name": name, "in": "header", "required": true, "description": description, "schema": schema,
            "example": example })
    };
    document["webhooks"] = json!({ "record-changed": { "post": {
        "operationId": "receiveRecordChange",
        "tags": [TAG],
        "x-internal": true,
        "summary": "A record has changed · 记录已变更",
        "description": "Sent at least once to every webhook that subscribes to it, by Standard Webhooks 1.0. Receivers should verify the \
            signature over the unmodified body, reject timestamps that differ from the current time by more than five minutes, and \
            ignore ids that they have processed. Any status from 200 to 299 within 15 seconds acknowledges the message; after any \
            other outcome, it is sent again, ten times over about 76 hours. Messages of one record are sent in order. Personal data \
            is never sent. \
            按 Standard Webhooks 规范推送：请验证签名、检查时间戳并按 webhook-id 去重；同一记录的消息按序送达，不含个人信息。",
        "security": [],
        "parameters": [
            header("webhook-id", "Identifier of the message, the same in every attempt.",
                json!({ "type": "string", "maxLength": 100, "pattern": "^msg_[0-9a-f]+$" }),
                json!("msg_5f0c2a9be1d44f7c8e21b7a90c3d6f58")),
            header("webhook-timestamp", "Time of this attempt, in seconds since 1970.",
                json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64 }),
                json!(1_649_640_600)),
            header("webhook-signature",
                "`v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, keyed with the bytes of the \
                 secret. For 24 hours after the secret was replaced, there are two signatures, separated by a space.",
                json!({ "type": "string", "maxLength": 200, "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$" }),
                json!("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")),
        ],
        "requestBody": {
            "description": "The message.",
            "required": true,
            "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/WebhookEvent" },
                "example": example(),
            } },
        },
        "responses": {
            "204": { "description": "The message is acknowledged, as by any status from 200 to 299. After 410, the webhook is \
                paused. After any other status, the message is sent again." },
        },
    } } });
    Ok(())
}

fn example() -> Value {
    json!({
        "type": "milestone.updated",
        "timestamp": "2022-04-11T01:30:00Z",
        "data": {
            "event_id": 1204, "entity": "milestone", "record_id": 7, "record_code": "xinhui-road-2022",
            "record_path": "/api/v1/milestones/7", "change": "updated", "actor": "新会区对口办", "reason": null,
            "changed": ["progress"],
            "before": { "id": 7, "code": "xinhui-road-2022", "version": 1, "progress": 0 },
            "after": { "id": 7, "code": "xinhui-road-2022", "version": 2, "progress": 40 },
            "is_cut": false, "request_id": "b8c1f0d2a94e4f7c",
        },
    })
}

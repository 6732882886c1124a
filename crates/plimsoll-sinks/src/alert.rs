//! Alerts as HTTP messages, in the shapes that receivers of alerts know: CloudEvents, Slack's
//! incoming webhooks (Block Kit), adaptive cards as Microsoft Teams takes them, and events of
//! PagerDuty's Events API v2. Each carries the alert's id, or the finding's as its key, so that
//! a receiver knows what it was sent before.

use crate::encode::{Message, encode};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use plimsoll_api::{
    Alert, AlertFinding, AlertShape, AlertWhat, CloudEvent, FindingSeverity, SinkFormat,
};
use serde_json::{Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The longest summary of a PagerDuty event, in characters.
const MAX_SUMMARY: usize = 1_024;
/// The longest text of one block of Slack, in characters.
const MAX_BLOCK: usize = 3_000;

/// The message that tells an alert, or `None` where the shape has no word for it. `key` is the
/// routing key of PagerDuty.
#[must_use]
pub fn post(shape: AlertShape, alert: &Alert, key: &str) -> Option<Message> {
    let body = match shape {
        AlertShape::Webhook => return encode(SinkFormat::Structured, &[&event(alert)]),
        AlertShape::Slack => slack(alert),
        AlertShape::Teams => teams(alert),
        AlertShape::Pagerduty => pagerduty(alert, key),
        AlertShape::Mail => return None,
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, JSON);
    let (id, body) = (alert.id.to_string(), body.to_string().into_bytes());
    Some(Message { id, headers, body, count: 1 })
}

/// The alert as a CloudEvent: the same id however often it is sent.
#[must_use]
pub fn event(alert: &Alert) -> CloudEvent {
    CloudEvent {
        id: alert.id.to_string(),
        source: alert.source.clone(),
        kind: format!("io.plimsoll.finding.{}.v1", alert.what),
        subject: Some(format!("finding/{}", alert.finding.id)),
        time: alert.time,
        extensions: [].into(),
        data: json!(alert),
    }
}

/// One line: how bad, where, what.
fn headline(alert: &Alert) -> String {
    let finding = &alert.finding;
    let slice = finding.slice.as_ref().map(|slice| format!(" ({slice})")).unwrap_or_default();
    let (severity, what) = (finding.severity, alert.what);
    format!(
        "[{severity}] {}: {} of {}{slice} {what}",
        finding.deployment, finding.kind, finding.about
    )
}

/// The lines under it, as names and values.
fn facts(alert: &Alert) -> Vec<(&'static str, String)> {
    let finding = &alert.finding;
    let mut facts = vec![
        ("Owner", finding.owner.clone()),
        ("Due", finding.due_at.to_string()),
        ("Seen", format!("{} times", finding.occurrences)),
        ("Runbook", finding.runbook.clone()),
        ("Finding", finding.id.to_string()),
    ];
    if let Some(assignee) = &finding.assignee {
        facts.insert(1, ("Assignee", assignee.clone()));
    }
    if let Some(reason) = &finding.reason {
        facts.push(("Reason", reason.clone()));
    }
    if let Some(link) = &finding.link {
        facts.push(("Page", link.clone()));
    }
    facts
}

/// What waited to be told with it.
fn also(alert: &Alert) -> Vec<String> {
    let line = |finding: &AlertFinding| {
        format!("[{}] {} of {}: {}", finding.severity, finding.kind, finding.about, finding.text)
    };
    let mut lines: Vec<String> = alert.also.iter().map(line).collect();
    if alert.more > 0 {
        lines.push(format!("and {} more; see `plimsoll finding list`", alert.more));
    }
    lines
}

/// Slack's `mrkdwn` takes these three characters for its own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn slack(alert: &Alert) -> Value {
    let (headline, text) = (escaped(&headline(alert)), escaped(&alert.finding.text));
    let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, MAX_BLOCK)}});
    let mut blocks = vec![section(&format!("*{headline}*\n{text}"))];
    let lines = also(alert).iter().map(|line| format!("• {}", escaped(line))).collect::<Vec<_>>();
    if !lines.is_empty() {
        blocks.push(section(&format!("Also, held until now:\n{}", lines.join("\n"))));
    }
    let facts: Vec<String> =
        facts(alert).iter().map(|(name, value)| format!("{name}: {}", escaped(value))).collect();
    blocks.push(json!({
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": cut(&facts.join(" | "), MAX_BLOCK)}],
    }));
    json!({"text": format!("{headline}: {text}"), "blocks": blocks})
}

fn teams(alert: &Alert) -> Value {
    let color = match alert.finding.severity {
        _ if alert.what == AlertWhat::Resolved => "Good",
        FindingSeverity::Critical => "Attention",
        FindingSeverity::Warning => "Warning",
        FindingSeverity::Info => "Default",
    };
    let block = |text: String| json!({"type": "TextBlock", "text": text, "wrap": true});
    let mut body = vec![
        json!({"type": "TextBlock", "text": headline(alert), "wrap": true, "weight": "Bolder",
               "size": "Medium", "color": color}),
        block(alert.finding.text.clone()),
    ];
    let lines: Vec<String> = also(alert).iter().map(|line| format!("- {line}")).collect();
    if !lines.is_empty() {
        body.push(block(format!("Also, held until now:\n{}", lines.join("\n"))));
    }
    let facts: Vec<Value> =
        facts(alert).iter().map(|(name, value)| json!({"title": name, "value": value})).collect();
    body.push(json!({"type": "FactSet", "facts": facts}));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
}

fn pagerduty(alert: &Alert, key: &str) -> Value {
    let action = match alert.what {
        AlertWhat::Acknowledged => "acknowledge",
        AlertWhat::Resolved | AlertWhat::Test => "resolve",
        AlertWhat::Opened | AlertWhat::Worsened | AlertWhat::Returned => "trigger",
    };
    // One incident for one finding, whatever becomes of it.
    let mut event = json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": format!("plimsoll/{}", alert.finding.id),
    });
    if action == "trigger" {
        let finding = &alert.finding;
        let severity = match finding.severity {
            FindingSeverity::Critical => "critical",
            FindingSeverity::Warning => "warning",
            FindingSeverity::Info => "info",
        };
        event["payload"] = json!({
            "summary": cut(&format!("{}: {}", headline(alert), finding.text), MAX_SUMMARY),
            "source": alert.source,
            "severity": severity,
            "timestamp": alert.time,
            "component": finding.deployment,
            "group": finding.about,
            "class": finding.kind,
            "custom_details": alert,
        });
        event["client"] = "Plimsoll".into();
        if let Some(link) = &finding.link {
            event["client_url"] = link.as_str().into();
        }
        if finding.runbook.starts_with("https://") {
            event["links"] = json!([{"href": finding.runbook, "text": "Runbook"}]);
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_api::{FindingKind, FindingState, Timestamp};
    use plimsoll_types::{AlertId, FindingId, Time};

    const PAGE: &str = "https://plimsoll.example.org/console/findings/1";

    fn alert(what: AlertWhat) -> Alert {
        let time = Timestamp(Time::from_micros(1_800_000_000_000_000));
        let finding = AlertFinding {
            id: FindingId::from_bytes([2; 16]),
            deployment: "credit".parse().expect("a name"),
            kind: FindingKind::InputDrift,
            severity: FindingSeverity::Critical,
            state: FindingState::Open,
            about: "income".into(),
            slice: Some("region=<b>".into()),
            text: "the mean fell by 20 % & more".into(),
            numbers: [("psi".to_owned(), 0.4)].into(),
            version: Some(3),
            owner: "credit-team".into(),
            assignee: None,
            occurrences: 2,
            opened_at: time,
            due_at: time,
            runbook: "https://runbooks.example.org/drift".into(),
            reason: None,
            link: Some(PAGE.into()),
        };
        let other = AlertFinding { about: "age".into(), ..finding.clone() };
        Alert {
            id: AlertId::from_bytes([1; 16]),
            what,
            time,
            source: "urn:plimsoll:gateway:0".into(),
            finding,
            also: vec![other],
            more: 4,
        }
    }

    fn body(shape: AlertShape, what: AlertWhat) -> Value {
        let message = post(shape, &alert(what), "R0UT1NG").expect("a message");
        serde_json::from_slice(&message.body).expect("JSON")
    }

    #[test]
    fn a_webhook_gets_a_cloudevent_that_keeps_its_id() {
        let message = post(AlertShape::Webhook, &alert(AlertWhat::Opened), "").expect("a message");
        assert_eq!(message.id, "01010101-0101-0101-0101-010101010101");
        assert_eq!(message.headers["content-type"], "application/cloudevents+json; charset=utf-8");
        let event: Value = serde_json::from_slice(&message.body).expect("JSON");
        assert_eq!(event["id"], message.id);
        assert_eq!(event["type"], "io.plimsoll.finding.opened.v1");
        assert_eq!(event["subject"], "finding/02020202-0202-0202-0202-020202020202");
        assert_eq!(event["data"]["finding"]["numbers"]["psi"], 0.4);
        assert_eq!(event["data"]["more"], 4);
        assert_eq!(event["data"]["finding"]["link"], PAGE);
        assert!(!event.to_string().contains("R0UT1NG"));
    }

    #[test]
    fn slack_is_told_in_blocks_with_its_characters_escaped() {
        let body = body(AlertShape::Slack, AlertWhat::Opened);
        let text = body["text"].as_str().expect("the text of notifications");
        assert!(text.contains("[critical] credit: input_drift of income"), "{text}");
        assert!(text.contains("region=&lt;b&gt;") && text.contains("20 % &amp; more"), "{text}");
        let blocks = body["blocks"].as_array().expect("blocks");
        assert_eq!(blocks.len(), 3);
        assert!(blocks[1]["text"]["text"].as_str().expect("text").contains("and 4 more"));
        assert!(blocks.iter().all(|b| b["type"] == "section" || b["type"] == "context"));
        assert!(blocks[2].to_string().contains(PAGE));
    }

    #[test]
    fn teams_is_told_by_an_adaptive_card() {
        let body = body(AlertShape::Teams, AlertWhat::Resolved);
        let card = &body["attachments"][0];
        assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
        assert_eq!(card["content"]["body"][0]["color"], "Good");
        assert_eq!(card["content"]["version"], "1.4");
        assert!(card["content"]["body"].to_string().contains(PAGE));
    }

    /// The fields that the Events API v2 asks for, and its three actions on one key.
    #[test]
    fn pagerduty_has_one_incident_for_one_finding() {
        let opened = body(AlertShape::Pagerduty, AlertWhat::Opened);
        assert_eq!(
            (&opened["event_action"], &opened["routing_key"]),
            (&"trigger".into(), &"R0UT1NG".into())
        );
        for field in ["summary", "source", "severity"] {
            assert!(opened["payload"][field].is_string(), "{opened}");
        }
        assert_eq!(opened["payload"]["severity"], "critical");
        assert_eq!(opened["client_url"], PAGE);
        for (what, action) in [
            (AlertWhat::Worsened, "trigger"),
            (AlertWhat::Acknowledged, "acknowledge"),
            (AlertWhat::Resolved, "resolve"),
        ] {
            let event = body(AlertShape::Pagerduty, what);
            assert_eq!(
                (&event["event_action"], &event["dedup_key"]),
                (&action.into(), &opened["dedup_key"])
            );
        }
    }

    #[test]
    fn mail_is_no_http() {
        assert!(post(AlertShape::Mail, &alert(AlertWhat::Opened), "").is_none());
    }
}

//! Alerting rules for Prometheus, over the metrics of findings: for who routes alerts with an
//! Alertmanager. The file is YAML as JSON is, quoted throughout.

use crate::finding::runbook;
use plimsoll_api as api;
use plimsoll_store::DeploymentRow;
use serde_json::{Value, json};

/// The rules of these deployments, and of the server itself.
pub(crate) fn rules(watched: &[(DeploymentRow, api::Alerting)]) -> String {
    let mut groups = vec![group("plimsoll", &server())];
    for (row, settings) in watched {
        groups.push(group(&format!("plimsoll-{}", row.name), &of(row, settings)));
    }
    format!("groups:\n{}", groups.concat())
}

struct Rule {
    alert: String,
    expr: String,
    lasts: &'static str,
    labels: Value,
    annotations: Value,
}

fn of(row: &DeploymentRow, settings: &api::Alerting) -> Vec<Rule> {
    let mut rules = Vec::new();
    for kind in api::FindingKind::ALL {
        for severity in [api::FindingSeverity::Warning, api::FindingSeverity::Critical] {
            rules.push(Rule {
                alert: "PlimsollFinding".into(),
                // Acknowledged and snoozed findings are no news.
                expr: format!(
                    "plimsoll_findings{{deployment=\"{}\",kind=\"{kind}\",severity=\"{severity}\",state=\"open\"}} > 0",
                    row.name
                ),
                lasts: "0m",
                labels: json!({
                    "severity": severity, "deployment": row.name, "kind": kind, "owner": row.owner,
                    "tier": row.tier, "environment": row.environment,
                }),
                annotations: json!({
                    "summary": format!("{kind} of {} needs somebody", row.name),
                    "runbook_url": runbook(settings, *kind),
                }),
            });
        }
    }
    rules
}

fn server() -> Vec<Rule> {
    let one = |alert: &str, expr: &str, lasts, severity: &str, summary: &str| Rule {
        alert: alert.into(),
        expr: expr.into(),
        lasts,
        labels: json!({"severity": severity}),
        annotations: json!({"summary": summary, "runbook_url": "docs/findings.md#alert-routes"}),
    };
    vec![
        one(
            "PlimsollAlertsDead",
            "plimsoll_alert_deliveries{state=\"dead\"} > 0",
            "0m",
            "critical",
            "alerts were given up; see plimsoll alert list --state dead",
        ),
        one(
            "PlimsollAlertsWait",
            "plimsoll_alert_deliveries{state=\"waiting\"} > 0",
            "15m",
            "warning",
            "a receiver of alerts does not take them",
        ),
    ]
}

fn group(name: &str, rules: &[Rule]) -> String {
    let mut text = format!("- name: {}\n  rules:\n", json!(name));
    for rule in rules {
        let Rule { alert, expr, lasts, labels, annotations } = rule;
        let (alert, expr) = (json!(alert), json!(expr));
        text.push_str(&format!(
            "  - alert: {alert}\n    expr: {expr}\n    for: {lasts}\n    labels: {labels}\n    \
             annotations: {annotations}\n",
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_rules_are_there_without_any_deployment() {
        let text = rules(&[]);
        assert!(text.starts_with("groups:\n- name: \"plimsoll\"\n  rules:\n  - alert: "), "{text}");
        assert_eq!(text.matches("- alert:").count(), 2);
        assert!(
            text.contains(r#"expr: "plimsoll_alert_deliveries{state=\"dead\"} > 0""#),
            "{text}"
        );
    }
}

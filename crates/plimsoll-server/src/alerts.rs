//! Tells people of findings: what is due in the outbox is sent, again after a failure, and an
//! attempt always carries the id of its alert. HTTP goes through the one outgoing client, mail
//! to the one relay of the settings.

use crate::accept::Life;
use crate::app::App;
use crate::checkpoint_mail::{Relay, mailboxes, told};
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::sinks::authorities;
use aws_lc_rs::rand;
use http::header::RETRY_AFTER;
use lettre::Transport as _;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Message, SinglePart};
use plimsoll_api as api;
use plimsoll_control::{AlertEnd, AlertTarget, DueAlert};
use plimsoll_outbound::{Request, Url};
use plimsoll_sinks::{Backoff, post, sign};
use plimsoll_types::Time;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long a receiver may take.
const DEADLINE: Duration = Duration::from_secs(15);
/// What is read of an answer, which is looked at by its status only.
const MAX_REPLY: usize = 64 << 10;
/// How often it is looked whether a wait is over, when nothing new comes.
const LOOK: Duration = Duration::from_millis(500);
/// How often what waited for a budget or a silence is looked through.
const RELEASE: Duration = Duration::from_secs(60);
/// After this time an alert is tried no more: a receiver that is away over a long weekend gets
/// it still, and one that is gone for good does not keep it for ever.
const GIVE_UP: Duration = Duration::from_secs(72 * 60 * 60);

/// What sends alerts.
pub(crate) struct Alerts {
    more: Notify,
    relay: Option<Relay>,
    backoff: Backoff,
    public_url: Option<String>,
}

impl Alerts {
    /// Sends by the relay of the settings, if there is one.
    pub(crate) fn new(config: &ServerConfig) -> Result<Self, ServerError> {
        let relay = match &config.mail {
            None => None,
            Some(mail) => {
                let roots = authorities(&config.outbound)?;
                let relay = Relay::new(mail, roots.as_deref());
                Some(relay.map_err(|(what, why)| ServerError::Log { what, why })?)
            }
        };
        let backoff = Backoff { first: config.sinks.first, max: config.sinks.max };
        let public_url = config.public_url.clone();
        Ok(Self { more: Notify::new(), relay, backoff, public_url })
    }

    /// Something may be to be told.
    pub(crate) fn wake(&self) {
        self.more.notify_one();
    }

    /// The alert with the pages of its findings.
    fn linked(&self, alert: &api::Alert) -> api::Alert {
        let mut alert = alert.clone();
        let Some(base) = self.public_url.as_ref().filter(|_| alert.what != api::AlertWhat::Test)
        else {
            return alert;
        };
        for finding in std::iter::once(&mut alert.finding).chain(&mut alert.also) {
            finding.link = Some(format!("{base}/console/findings/{}", finding.id));
        }
        alert
    }

    /// Whether mail can be sent.
    pub(crate) const fn has_relay(&self) -> bool {
        self.relay.is_some()
    }
}

/// Why an attempt failed.
struct Failure {
    why: String,
    /// Another attempt may do better.
    may_pass: bool,
    /// How long the receiver wants to be left alone.
    wish: Option<Duration>,
}

impl Failure {
    fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), may_pass: true, wish: None }
    }
    fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), may_pass: false, wish: None }
    }
}

/// Sends what is due until the server drains; what is not sent stays noted.
pub(crate) async fn run(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let mut released = app.clock.monotonic();
    release(&app).await;
    loop {
        let more = send_due(&app).await;
        if *life.borrow() != Life::Serving {
            return;
        }
        let now = app.clock.monotonic();
        if Duration::from_nanos(now.saturating_sub(released)) >= RELEASE {
            released = now;
            release(&app).await;
            continue;
        }
        if more {
            continue;
        }
        let drains = async { drop(life.wait_for(|&life| life != Life::Serving).await) };
        tokio::select! {
            () = app.alerts.more.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = drains => return,
        }
    }
}

async fn release(app: &Arc<App>) {
    let control = Arc::clone(&app.control);
    let released = tokio::task::spawn_blocking(move || control.release_held()).await;
    if let Ok(Err(error)) = released {
        tracing::warn!(%error, "findings that wait to be told could not be looked through");
    }
}

/// Sends what is due now. Whether there was anything.
async fn send_due(app: &Arc<App>) -> bool {
    let control = Arc::clone(&app.control);
    let due = match tokio::task::spawn_blocking(move || control.due_alerts()).await {
        Ok(Ok(due)) => due,
        Ok(Err(error)) => {
            tracing::warn!(%error, "alerts that are due could not be read");
            return false;
        }
        Err(_) => return false,
    };
    let any = !due.is_empty();
    // A receiver that is slow delays the others by one round, at most its deadline.
    let mut sending = JoinSet::new();
    for due in due {
        sending.spawn(deliver(Arc::clone(app), due));
    }
    while sending.join_next().await.is_some() {}
    any
}

async fn deliver(app: Arc<App>, due: DueAlert) {
    let sender = Arc::clone(&app);
    let (alert, target) = (due.alert.clone(), due.target.clone());
    let sent = tokio::task::spawn_blocking(move || send(&sender, &target, &alert)).await;
    let sent = sent.unwrap_or_else(|_| Err(Failure::passing("sending it broke")));
    let now = app.clock.now();
    let end = match sent {
        Ok(()) => AlertEnd::Delivered,
        Err(failure) => after(&app.alerts.backoff, &due, failure, now, random()),
    };
    match &end {
        AlertEnd::Delivered => {}
        AlertEnd::Again(_, why) => {
            tracing::warn!(route = %due.target.name, alert = %due.alert.id, why, "an alert was not taken; it is sent again");
        }
        AlertEnd::Dead(why) => {
            tracing::error!(route = %due.target.name, alert = %due.alert.id, why, "an alert is given up");
        }
    }
    let control = Arc::clone(&app.control);
    let noted =
        tokio::task::spawn_blocking(move || control.note_alert(due.alert.id, due.target.id, &end));
    if let Ok(Err(error)) = noted.await {
        tracing::warn!(%error, "what became of an alert could not be noted; it may be sent again");
    }
}

/// What becomes of an alert that was not taken.
fn after(backoff: &Backoff, due: &DueAlert, failure: Failure, now: Time, random: u32) -> AlertEnd {
    if !failure.may_pass {
        return AlertEnd::Dead(failure.why);
    }
    if now.since(due.made) >= GIVE_UP {
        return AlertEnd::Dead(format!("{}; it was tried for 72 hours", failure.why));
    }
    let wait = backoff.wait(due.attempts.saturating_add(1), failure.wish, random);
    AlertEnd::Again(now.plus(wait), failure.why)
}

/// Without randomness there is no jitter, and the wait is the whole.
fn random() -> u32 {
    let mut bytes = [0; 4];
    rand::fill(&mut bytes).map_or(u32::MAX, |()| u32::from_le_bytes(bytes))
}

/// Sends a test now, once. Blocks.
pub(crate) fn test(app: &App, target: &AlertTarget, alert: &api::Alert) -> api::AlertTest {
    let sent = send(app, target, alert);
    api::AlertTest { delivered: sent.is_ok(), reason: sent.err().map(|failure| failure.why) }
}

fn send(app: &App, target: &AlertTarget, alert: &api::Alert) -> Result<(), Failure> {
    let alert = &app.alerts.linked(alert);
    if target.shape == api::AlertShape::Mail {
        return mail(app, target, alert);
    }
    let address = String::from_utf8_lossy(&target.address.0);
    let url: Url = address.parse().map_err(|_| Failure::lasting("its address is none"))?;
    let key = String::from_utf8_lossy(&target.secret.0);
    let Some(mut message) = post(target.shape, alert, &key) else {
        return Err(Failure::lasting("this shape is not sent over HTTP"));
    };
    if target.shape == api::AlertShape::Webhook {
        let now = app.clock.now();
        sign(&mut message.headers, &target.secret.0, &message.id, now, &message.body);
    }
    let mut request = Request::post(url, message.body).within(DEADLINE).at_most(MAX_REPLY);
    for (name, value) in &message.headers {
        request = request.with_header(name.clone(), value.clone());
    }
    let reply = app.outbound.send_blocking(request);
    let reply = reply.map_err(|error| Failure::passing(error.to_string()))?;
    if reply.status.is_success() {
        return Ok(());
    }
    let status = reply.status.as_u16();
    let wish = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(Failure {
        why: format!("the receiver answered {status}"),
        // These say that the message itself will never do; the rest may be put right.
        may_pass: !matches!(status, 400 | 410 | 413 | 422),
        wish: wish.map(Duration::from_secs),
    })
}

fn mail(app: &App, target: &AlertTarget, alert: &api::Alert) -> Result<(), Failure> {
    let relay = app.alerts.relay.as_ref();
    let relay = relay.ok_or_else(|| Failure::passing("no `mail.relay` is set"))?;
    let to = String::from_utf8_lossy(&target.address.0);
    let message = letter(relay, &to, alert).map_err(Failure::lasting)?;
    relay.relay.send(&message).map(drop).map_err(|error| Failure {
        why: told(&error),
        may_pass: !error.is_permanent(),
        wish: None,
    })
}

/// The alert as mail, the same id however often it is sent.
fn letter(relay: &Relay, to: &str, alert: &api::Alert) -> Result<Message, String> {
    let finding = &alert.finding;
    let (to, _) = mailboxes(to)?;
    let made = Duration::from_micros(alert.time.0.as_micros());
    let slice = finding.slice.as_ref().map(|slice| format!(" ({slice})")).unwrap_or_default();
    let subject = format!(
        "[{}] {}: {} of {}{slice} {}",
        finding.severity, finding.deployment, finding.kind, finding.about, alert.what
    );
    let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
    let references = HeaderName::new_from_ascii_str("References");
    let domain = relay.from.email.domain();
    let mut builder = Message::builder()
        .from(relay.from.clone())
        .message_id(Some(format!("<{}.alert@{domain}>", alert.id)))
        .date(SystemTime::UNIX_EPOCH + made)
        .subject(subject);
    for mailbox in to.iter() {
        builder = builder.to(mailbox.clone());
    }
    builder
        // RFC 3834: nobody's absence is answered to.
        .raw_header(HeaderValue::new(auto, "auto-generated".to_owned()))
        // One thread for one finding.
        .raw_header(HeaderValue::new(references, format!("<{}.finding@{domain}>", finding.id)))
        .singlepart(SinglePart::plain(words(alert)))
        .map_err(|error| error.to_string())
}

fn words(alert: &api::Alert) -> String {
    let finding = &alert.finding;
    let mut text = format!("{}\n\n", finding.text);
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<10} {value}\n"));
    line("deployment", finding.deployment.as_str());
    line("severity", finding.severity.as_str());
    line("owner", &finding.owner);
    if let Some(assignee) = &finding.assignee {
        line("assignee", assignee);
    }
    line("seen", &format!("{} times", finding.occurrences));
    line("due", &finding.due_at.to_string());
    line("runbook", &finding.runbook);
    line("finding", &finding.id.to_string());
    if let Some(link) = &finding.link {
        line("page", link);
    }
    if let Some(reason) = &finding.reason {
        line("reason", reason);
    }
    for (name, value) in &finding.numbers {
        line(name, &value.to_string());
    }
    if !alert.also.is_empty() {
        text.push_str("\nAlso, held until now:\n");
    }
    for other in &alert.also {
        let (severity, kind, about) = (other.severity, other.kind, &other.about);
        text.push_str(&format!("- [{severity}] {kind} of {about}: {}\n", other.text));
    }
    if alert.more > 0 {
        text.push_str(&format!("and {} more; see `plimsoll finding list`\n", alert.more));
    }
    text
}

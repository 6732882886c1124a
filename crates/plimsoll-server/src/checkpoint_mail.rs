//! Checkpoints by e-mail: a mailbox is a place outside of the data folder that most auditors have.
//!
//! SMTP is lettre's (RFC 5321, STARTTLS by RFC 3207, TLS from the start by RFC 8314). The relay is
//! named by whoever runs the server, in its settings and nowhere else, so it is not held to the
//! rules of `plimsoll-outbound`: a relay is commonly a private address.

use crate::config::MailConfig;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, Mailboxes, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, SmtpTransport, Transport};
use plimsoll_api::Timestamp;
use plimsoll_ledger::{CheckpointSink, KnownHead, LogSource, SignedCheckpoint, SinkError};
use plimsoll_tlog::Vkey;
use plimsoll_tlog::note::Signature;
use plimsoll_types::digest::hex;
use std::time::{Duration, SystemTime};

/// What a relay may take for one command. It is not on the way of anything.
const DEADLINE: Duration = Duration::from_secs(10);
/// Mailboxes of one message: more belong behind a list.
const MAX_RECIPIENTS: usize = 16;
/// The longest password that is read of its file.
const MAX_PASSWORD: u64 = 4_096;
/// RFC 6409: submission, with STARTTLS.
const SUBMISSION: u16 = 587;
/// RFC 8314: submission, with TLS from the start.
const SUBMISSIONS: u16 = 465;
/// RFC 5321.
const PLAIN: u16 = 25;

/// Mailboxes that are sent checkpoints.
#[derive(Debug)]
pub(crate) struct Mail {
    name: String,
    relay: SmtpTransport,
    from: Mailbox,
    to: Mailboxes,
    every: Duration,
}

/// The mail server that takes what we send, and who it is from.
#[derive(Debug, Clone)]
pub(crate) struct Relay {
    pub(crate) relay: SmtpTransport,
    pub(crate) from: Mailbox,
    host: String,
}

impl Relay {
    /// The relay of the settings; `authorities` are trusted beside the public ones.
    ///
    /// # Errors
    /// The setting that is wrong, and why.
    pub(crate) fn new(
        config: &MailConfig,
        authorities: Option<&[u8]>,
    ) -> Result<Self, (&'static str, String)> {
        let from: Mailbox = config.from.parse().map_err(|_| ("mail.from", not_a_mailbox()))?;
        let (security, host, port) = relay(&config.relay).map_err(|why| ("mail.relay", why))?;
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let mut builder = SmtpTransport::builder_dangerous(&host)
            .port(port)
            .hello_name(hello)
            .timeout(Some(DEADLINE))
            .tls(tls(security, &host, authorities).map_err(|why| ("outbound.ca_file", why))?);
        if let Some(user) = &config.user {
            if security == Security::Plain {
                let why = "a password is sent under TLS only: leave it out, or name the relay as \
                           `smtps://` or `smtp://`";
                return Err(("mail.user", why.to_owned()));
            }
            let password = password(config).map_err(|why| ("mail.password_file", why))?;
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self { relay: builder.build(), from, host })
    }
}

/// The mailboxes that a text names, 1 to 16, and how many.
pub(crate) fn mailboxes(text: &str) -> Result<(Mailboxes, usize), String> {
    let to: Mailboxes = text.parse().map_err(|_| not_a_mailbox())?;
    let count = to.iter().count();
    if !(1..=MAX_RECIPIENTS).contains(&count) {
        return Err(format!("it names {count} mailboxes; 1 to {MAX_RECIPIENTS} are possible"));
    }
    Ok((to, count))
}

/// How a relay is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// TLS from the start.
    Tls,
    /// TLS after STARTTLS, or not at all.
    StartTls,
    /// None.
    Plain,
}

impl Mail {
    /// A sink of what is configured; `authorities` are trusted beside the public ones.
    ///
    /// # Errors
    /// The setting that is wrong, and why.
    pub(crate) fn new(
        config: &MailConfig,
        to: &str,
        every: Duration,
        authorities: Option<&[u8]>,
    ) -> Result<Self, (&'static str, String)> {
        let (to, count) = mailboxes(to).map_err(|why| ("ledger.mail_to", why))?;
        let Relay { relay, from, host } = Relay::new(config, authorities)?;
        let name = format!("mail to {count} by `{host}`");
        Ok(Self { name, relay, from, to, every })
    }

    /// The message: words for a person, and the signed note as it is, to the byte.
    fn message(&self, checkpoint: &SignedCheckpoint) -> Result<Message, lettre::error::Error> {
        let (size, root) = (checkpoint.size, checkpoint.root);
        let origin = checkpoint.note.lines().next().unwrap_or_default();
        let made = Duration::from_micros(checkpoint.time.as_micros());
        // The same checkpoint has the same id, should it be sent twice.
        let id = format!("<{size}.{}@{}>", hex(root.as_bytes()), self.from.email.domain());
        let text = words(origin, size, &Timestamp(checkpoint.time).to_string());
        let note = Body::new_with_encoding(
            checkpoint.note.clone().into_bytes(),
            ContentTransferEncoding::Base64,
        )
        .map_err(|_| lettre::error::Error::NonAsciiChars)?;
        let attached = Attachment::new(format!("{size:020}.checkpoint"));
        let parts = MultiPart::mixed()
            .singlepart(SinglePart::plain(text))
            .singlepart(attached.body(note, ContentType::TEXT_PLAIN));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .message_id(Some(id))
            .date(SystemTime::UNIX_EPOCH + made)
            .subject(format!("Checkpoint of {origin}: {size} entries"));
        for mailbox in self.to.iter() {
            builder = builder.to(mailbox.clone());
        }
        // RFC 3834: nobody's absence is answered to.
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        builder.raw_header(HeaderValue::new(name, "auto-generated".to_owned())).multipart(parts)
    }
}

impl CheckpointSink for Mail {
    fn name(&self) -> &str {
        &self.name
    }
    fn interval(&self) -> Duration {
        self.every
    }
    /// A mailbox cannot be asked.
    fn known(&mut self, _: &Vkey, _: &str) -> Result<Option<KnownHead>, SinkError> {
        Ok(None)
    }
    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        _: &dyn LogSource,
    ) -> Result<Vec<Signature>, SinkError> {
        let message = self.message(checkpoint).map_err(SinkError::failed)?;
        self.relay.send(&message).map_err(|error| SinkError::failed(told(&error)))?;
        Ok(Vec::new())
    }
}

fn words(origin: &str, size: u64, time: &str) -> String {
    format!(
        "This is a signed checkpoint of the log\n\n    {origin}\n\nof {size} entries, published at \
         {time}.\n\nKeep it, and the attached file as it is. Whoever shows you this ledger later \
         must be able to\nprove that it begins with these {size} entries:\n\n    plimsoll verify \
         consistency {size:020}.checkpoint LATER.checkpoint --key KEY --proof PROOF\n"
    )
}

fn not_a_mailbox() -> String {
    "it must be mailboxes such as `Plimsoll <plimsoll@example.org>`, with commas between".to_owned()
}

/// Reads `smtps://HOST[:PORT]`, `smtp://HOST[:PORT]` or `smtp+plain://HOST[:PORT]`.
fn relay(text: &str) -> Result<(Security, String, u16), String> {
    let wrong =
        || "it must be smtps://HOST, smtp://HOST (STARTTLS) or smtp+plain://HOST".to_owned();
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let (security, port) = match scheme {
        "smtps" => (Security::Tls, SUBMISSIONS),
        "smtp" => (Security::StartTls, SUBMISSION),
        "smtp+plain" => (Security::Plain, PLAIN),
        _ => return Err(wrong()),
    };
    // An IPv6 address has its colons within brackets.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, digits)) if !digits.ends_with(']') => {
            (host, digits.parse().map_err(|_| wrong())?)
        }
        _ => (rest, port),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_');
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(wrong());
    }
    Ok((security, host.to_owned(), port))
}

fn tls(security: Security, host: &str, authorities: Option<&[u8]>) -> Result<Tls, String> {
    if security == Security::Plain {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(pem) = authorities {
        let roots = Certificate::from_pem(pem).map_err(|error| error.to_string())?;
        parameters = parameters.add_root_certificate(roots);
    }
    let parameters = parameters.build_rustls().map_err(|error| error.to_string())?;
    Ok(match security {
        Security::Tls => Tls::Wrapper(parameters),
        Security::StartTls | Security::Plain => Tls::Required(parameters),
    })
}

fn password(config: &MailConfig) -> Result<String, String> {
    let path = config.password_file.as_ref().ok_or("`mail.user` needs it")?;
    let size = fs_err::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_PASSWORD {
        return Err(format!("the file is longer than {MAX_PASSWORD} bytes"));
    }
    let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// What went wrong, without what the relay said: it may repeat who was to get the message.
pub(crate) fn told(error: &lettre::transport::smtp::Error) -> String {
    if let Some(code) = error.status() {
        return format!("the relay answered {code}");
    }
    if error.is_timeout() {
        return "the relay did not answer in time".to_owned();
    }
    if error.is_tls() || is_of_tls(error) {
        return "TLS with the relay failed: it speaks none, or its certificate is not trusted"
            .to_owned();
    }
    if error.is_client() {
        return "the relay does not offer what is needed: STARTTLS, or a way to log in".to_owned();
    }
    "the relay cannot be reached, or broke off".to_owned()
}

/// Whether a broken connection broke in TLS, whose handshake is made with the first bytes.
fn is_of_tls(error: &lettre::transport::smtp::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let within = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if within.is_some_and(|within| within.is::<rustls::Error>()) {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::{Digest, Time};
    use std::path::PathBuf;

    fn config(relay: &str) -> MailConfig {
        MailConfig {
            relay: relay.to_owned(),
            from: "Plimsoll <plimsoll@example.org>".to_owned(),
            user: None,
            password_file: None,
        }
    }

    fn mail(config: &MailConfig, to: &str) -> Result<Mail, (&'static str, String)> {
        Mail::new(config, to, Duration::from_secs(1), None)
    }

    #[test]
    fn relays_are_read() {
        let host = |host: &str| host.to_owned();
        assert_eq!(relay("smtps://a.example"), Ok((Security::Tls, host("a.example"), 465)));
        assert_eq!(relay("smtp://a.example"), Ok((Security::StartTls, host("a.example"), 587)));
        assert_eq!(relay("smtp+plain://[::1]:2525"), Ok((Security::Plain, host("::1"), 2525)));
        assert_eq!(relay("smtp+plain://[::1]"), Ok((Security::Plain, host("::1"), 25)));
        for bad in
            ["", "a.example", "http://a", "smtp://", "smtp://a:b", "smtp://u:p@a", "smtp://a/b"]
        {
            assert!(relay(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let plain = config("smtp+plain://127.0.0.1");
        let refused = |config: &MailConfig, to: &str| mail(config, to).map_err(|e| e.0).err();
        assert_eq!(refused(&plain, "a@example.org, B <b@example.org>"), None);
        assert_eq!(refused(&plain, "nobody"), Some("ledger.mail_to"));
        assert_eq!(refused(&plain, &vec!["a@b.c"; 17].join(", ")), Some("ledger.mail_to"));
        assert_eq!(refused(&config("x"), "a@example.org"), Some("mail.relay"));
        let sender = MailConfig { from: "plimsoll".to_owned(), ..plain.clone() };
        assert_eq!(refused(&sender, "a@example.org"), Some("mail.from"));
        let user = MailConfig { user: Some("u".to_owned()), ..plain.clone() };
        assert_eq!(refused(&user, "a@example.org"), Some("mail.user"));
        let secure = MailConfig { relay: "smtps://127.0.0.1".to_owned(), ..user };
        assert_eq!(refused(&secure, "a@example.org"), Some("mail.password_file"));
        let gone = MailConfig { password_file: Some(PathBuf::from("/nowhere")), ..secure };
        assert_eq!(refused(&gone, "a@example.org"), Some("mail.password_file"));
    }

    #[test]
    fn a_message_says_what_it_is_and_has_one_id_for_one_checkpoint() {
        let mail = mail(&config("smtp+plain://127.0.0.1"), "a@example.org").expect("a sink");
        let checkpoint = SignedCheckpoint {
            size: 7,
            root: Digest::from_bytes([3; 32]),
            time: Time::from_micros(1_700_000_000_000_000),
            note: "log.example\n7\nAwMD\n\n\u{2014} log.example AAAA\n".to_owned(),
        };
        let one = mail.message(&checkpoint).expect("a message");
        let text = String::from_utf8(one.formatted()).expect("text");
        for line in [
            "Subject: Checkpoint of log.example: 7 entries",
            "Auto-Submitted: auto-generated",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000",
            "filename=\"00000000000000000007.checkpoint\"",
            "Message-ID: <7.0303",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.is_ascii(), "{text}");
        assert_eq!(one.envelope().to().len(), 1);
    }
}

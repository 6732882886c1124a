//! The sinks of checkpoints that are configured; those over HTTP: witnesses (C2SP tlog-witness)
//! and plain posts.

use crate::bucket::Bucket;
use crate::checkpoint_mail::Mail;
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::sinks::authorities;
use http::header::{CONTENT_TYPE, HeaderValue};
use plimsoll_ledger::{
    CheckpointSink, KnownHead, LogSource, MAX_SINKS, SignedCheckpoint, SinkError, WriteOnceFolder,
};
use plimsoll_outbound::{Outbound, OutboundError, Reply, Request, Url};
use plimsoll_tlog::note::{MAX_NOTE_BYTES, Signature};
use plimsoll_tlog::witness::{AddCheckpoint, Answer, MAX_ANSWER_BYTES, origin_hash};
use plimsoll_tlog::{Checkpoint, Note, Policy, Vkey};
use std::time::Duration;

/// A witness is asked about each checkpoint, but not more often than it can like.
const WITNESS_INTERVAL: Duration = Duration::from_secs(5);
/// A post is evidence for somebody who keeps it.
const POST_INTERVAL: Duration = Duration::from_secs(60);
/// What a witness may take. It is not on the way of anything.
const DEADLINE: Duration = Duration::from_secs(10);
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A witness that is asked over HTTP.
#[derive(Debug)]
pub(crate) struct Witness {
    outbound: Outbound,
    name: String,
    vkey: Vkey,
    /// Where it is, without a slash at the end.
    url: String,
    /// The size of the checkpoint that it cosigned last, as far as is known.
    old: u64,
}

impl Witness {
    pub(crate) fn new(outbound: Outbound, name: &str, vkey: Vkey, url: &str) -> Self {
        let (name, url) = (format!("the witness `{name}`"), url.trim_end_matches('/').to_owned());
        Self { outbound, name, vkey, url, old: 0 }
    }

    fn ask(
        &self,
        old: u64,
        proof: Vec<plimsoll_types::Digest>,
        note: &str,
    ) -> Result<Answer, SinkError> {
        let body = AddCheckpoint { old, proof, checkpoint: note.to_owned() }.to_string();
        let request = Request::post(self.at("add-checkpoint")?, body.into_bytes())
            .with_header(CONTENT_TYPE, TEXT)
            .within(DEADLINE)
            .at_most(MAX_ANSWER_BYTES);
        let reply = self.outbound.send_blocking(request).map_err(SinkError::failed)?;
        let media = media(&reply);
        Answer::parse(reply.status.as_u16(), &media, &reply.body).map_err(SinkError::failed)
    }

    fn at(&self, path: &str) -> Result<Url, SinkError> {
        format!("{}/{path}", self.url).parse().map_err(SinkError::failed)
    }

    /// What it serves to monitors, if it does: the latest checkpoint that it cosigned.
    fn monitored(&self, log: &Vkey) -> Option<KnownHead> {
        let url = self.at(&format!("{}/checkpoint", origin_hash(log.name()))).ok()?;
        let request = Request::get(url).within(DEADLINE).at_most(MAX_NOTE_BYTES);
        let reply = self.outbound.send_blocking(request).ok()?;
        let opened = Checkpoint::open(&reply.body, &[log, &self.vkey]).ok()?;
        let own = opened.signatures.iter().any(|valid| valid.key == log);
        let Checkpoint { size, root, .. } = opened.checkpoint;
        own.then_some(KnownHead { size, root: Some(root) })
    }

    /// The signatures that are this witness's, verified.
    fn verified(&self, note: &str, lines: Vec<Signature>) -> Result<Vec<Signature>, SinkError> {
        let mine: Vec<Signature> =
            lines.into_iter().filter(|line| line.is_of(&self.vkey)).collect();
        let mut signed = Note::parse(note.as_bytes()).map_err(SinkError::failed)?;
        for line in &mine {
            signed.add(line.clone()).map_err(SinkError::failed)?;
        }
        signed.verify(&[&self.vkey]).map_err(|_| {
            SinkError::failed(format!(
                "{} answered with a signature that is not its own",
                self.name
            ))
        })?;
        Ok(mine)
    }
}

fn media(reply: &Reply) -> String {
    let media = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media.unwrap_or_default().to_owned()
}

impl CheckpointSink for Witness {
    fn name(&self) -> &str {
        &self.name
    }
    fn interval(&self) -> Duration {
        WITNESS_INTERVAL
    }

    /// Asks for a signature under the log without entries, which contradicts nothing: a witness
    /// that knows more answers with the size.
    fn known(&mut self, log: &Vkey, empty: &str) -> Result<Option<KnownHead>, SinkError> {
        match self.ask(0, Vec::new(), empty)? {
            Answer::Conflict(size) => {
                self.old = size;
                let served = self.monitored(log).filter(|head| head.size == size);
                Ok(Some(served.unwrap_or(KnownHead { size, root: None })))
            }
            Answer::Cosigned(_) => Ok(None),
            Answer::Refused(status) => {
                Err(SinkError::failed(format!("{} answered {status}", self.name)))
            }
        }
    }

    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        source: &dyn LogSource,
    ) -> Result<Vec<Signature>, SinkError> {
        // At most once more: it may have cosigned what this process did not hear of.
        for _ in 0..2 {
            let proof = source.consistency(self.old, checkpoint.size)?.hashes;
            match self.ask(self.old, proof, &checkpoint.note)? {
                Answer::Cosigned(lines) => {
                    let signatures = self.verified(&checkpoint.note, lines)?;
                    self.old = checkpoint.size;
                    return Ok(signatures);
                }
                Answer::Conflict(size) if size > checkpoint.size => {
                    return Err(SinkError::Ahead(size));
                }
                Answer::Conflict(size) => self.old = size,
                Answer::Refused(422) => return Err(SinkError::Forked(self.old)),
                Answer::Refused(status) => {
                    return Err(SinkError::failed(format!("{} answered {status}", self.name)));
                }
            }
        }
        Err(SinkError::failed(format!("{} cannot say what it cosigned last", self.name)))
    }
}

/// The sinks that are configured.
///
/// # Errors
/// [`ServerError::Log`] if a policy or an address cannot be used.
pub(crate) fn sinks(
    server: &ServerConfig,
    outbound: &Outbound,
) -> Result<Vec<Box<dyn CheckpointSink>>, ServerError> {
    let config = &server.log;
    let mut sinks: Vec<Box<dyn CheckpointSink>> = Vec::new();
    if let Some(folder) = &config.folder {
        sinks.push(Box::new(WriteOnceFolder::new(folder.clone())));
    }
    if let Some(folder) = &config.copy {
        let wrong = |why| ServerError::Log { what: "ledger.copy", why };
        sinks.push(Box::new(Bucket::folder(folder).map_err(wrong)?));
    }
    if let Some(s3) = &server.log_bucket {
        let wrong = |why| ServerError::Log { what: "ledger.copy", why };
        sinks.push(Box::new(Bucket::s3(s3.clone()).map_err(wrong)?));
    }
    if let Some(url) = &config.post {
        let wrong = |e: OutboundError| ServerError::Log { what: "ledger.post", why: e.to_string() };
        sinks.push(Box::new(Post::new(outbound.clone(), url.parse().map_err(wrong)?)));
    }
    if let Some(path) = &config.policy {
        let wrong = |why: String| ServerError::Log { what: "ledger.policy", why };
        let bytes = fs_err::read(path).map_err(|e| wrong(e.to_string()))?;
        let policy = Policy::parse(&bytes).map_err(|e| wrong(e.to_string()))?;
        for witness in policy.witnesses() {
            // One without an address is for verifiers only.
            let Some(url) = &witness.url else { continue };
            let (name, vkey) = (&witness.name, witness.vkey.clone());
            sinks.push(Box::new(Witness::new(outbound.clone(), name, vkey, url)));
        }
    }
    if let Some(to) = &config.mail_to {
        let wrong = |(what, why)| ServerError::Log { what, why };
        let unset = || wrong(("ledger.mail_to", "it needs `mail.relay` and `mail.from`".into()));
        let mail = server.mail.as_ref().ok_or_else(unset)?;
        let roots = authorities(&server.outbound)?;
        let mail = Mail::new(mail, to, config.mail_every, roots.as_deref()).map_err(wrong)?;
        sinks.push(Box::new(mail));
    }
    if sinks.len() > MAX_SINKS {
        let why = format!("there are more than {MAX_SINKS} sinks and witnesses");
        return Err(ServerError::Log { what: "ledger.policy", why });
    }
    Ok(sinks)
}

/// Somebody who is sent each checkpoint.
#[derive(Debug)]
pub(crate) struct Post {
    outbound: Outbound,
    name: String,
    url: Url,
}

impl Post {
    pub(crate) fn new(outbound: Outbound, url: Url) -> Self {
        Self { outbound, name: format!("`{url}`"), url }
    }
}

impl CheckpointSink for Post {
    fn name(&self) -> &str {
        &self.name
    }
    fn interval(&self) -> Duration {
        POST_INTERVAL
    }
    fn known(&mut self, _: &Vkey, _: &str) -> Result<Option<KnownHead>, SinkError> {
        Ok(None)
    }
    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        _: &dyn LogSource,
    ) -> Result<Vec<Signature>, SinkError> {
        let request = Request::post(self.url.clone(), checkpoint.note.clone().into_bytes())
            .with_header(CONTENT_TYPE, TEXT)
            .within(DEADLINE);
        let reply = self
            .outbound
            .send_blocking(request)
            .map_err(|e: OutboundError| SinkError::failed(e))?;
        if reply.status.is_success() {
            return Ok(Vec::new());
        }
        Err(SinkError::failed(format!("{} answered {}", self.name, reply.status.as_u16())))
    }
}

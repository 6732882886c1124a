//! The leaf: what enters the Merkle tree. No subject, no plaintext, no key material.

use super::wire::{Out, RecordError, finish, fixed, infallible, map_len};
use super::{Kind, Origin, ResultClass, Route};
use crate::{DeploymentId, Digest, GatewayId, KeyId, Phase, TenantId, Time};
use minicbor::{Decoder, Encoder};

/// The longest leaf, in bytes. All fields present need 640; the log format allows 65,535
/// (C2SP tlog-tiles), and a small leaf keeps proofs and bundles small.
pub const MAX_LEAF_LEN: usize = 1024;

/// The version of the leaf's format, the first field of every leaf.
pub(super) const SCHEMA: u64 = 1;

/// What a leaf commits to of the body sealed beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealedRef {
    /// SHA-256 of the sealed bytes.
    pub ciphertext: Digest,
    /// The commitment to the key that opens them: AES-GCM alone does not commit to its key.
    pub key_commitment: [u8; 32],
    /// The body's length, rounded up to a power of two: log2 of it. Exact lengths leak content.
    pub size_log2: u8,
}

/// Fields that are absent from most leaves; reserved from the first version of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extension {
    /// Keyed pseudonym of the contact with a customer that this decision was part of.
    pub interaction: Option<[u8; 16]>,
    /// Sequence number of the intent that this record completes.
    pub intent: Option<u64>,
    /// The rollout in progress.
    pub rollout: Option<[u8; 16]>,
    /// The rollout's step.
    pub step: Option<u16>,
    /// The experiment's arm.
    pub arm: Option<u16>,
    /// The key of the assignment, so that it can be replayed.
    pub assignment_key: Option<KeyId>,
    /// The risk tier, 0 to 4.
    pub tier: Option<u8>,
    /// The gate result the version was released under.
    pub gate_result: Option<Digest>,
    /// The explainer pack that made the reason codes.
    pub explainer_pack: Option<Digest>,
    /// Why the fallback answered: a [`crate::RefusalCode`].
    pub fallback_reason: Option<u8>,
    /// The review this record belongs to.
    pub review: Option<[u8; 16]>,
    /// The decision whose recorded answer was given again.
    pub replay_of: Option<[u8; 16]>,
    /// Where the decision was made, if not here.
    pub origin: Option<Origin>,
}

/// A leaf before it has its place in the gateway's sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeafDraft {
    /// What the record is about.
    pub kind: Kind,
    /// The decision id, or the event's id.
    pub id: [u8; 16],
    /// The organisation.
    pub tenant: TenantId,
    /// The deployment, if the record is about one.
    pub deployment: Option<DeploymentId>,
    /// Wall-clock time of acceptance: a hint.
    pub time: Time,
    /// Nanoseconds of the gateway's own clock, which never goes back.
    pub monotonic: u64,
    /// Digest of the model version's manifest.
    pub model: Option<Digest>,
    /// Digest of the input contract.
    pub contract: Option<Digest>,
    /// Digest of the policy set.
    pub policy: Option<Digest>,
    /// Digest of the serving snapshot.
    pub snapshot: Option<Digest>,
    /// In which part the version took the request.
    pub route: Option<Route>,
    /// How the request ended.
    pub result: Option<ResultClass>,
    /// The phase that refused it.
    pub refused_in: Option<Phase>,
    /// The sealed body, if there is one.
    pub sealed: Option<SealedRef>,
    /// The rest.
    pub extension: Extension,
}

/// A leaf in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// The gateway that wrote it.
    pub gateway: GatewayId,
    /// The gateway's own sequence number, from 0, without gaps.
    pub seq: u64,
    /// RFC 6962 leaf hash of the gateway's previous record; zero before the first.
    pub previous: Digest,
    /// Everything else.
    pub draft: LeafDraft,
}

impl LeafDraft {
    /// A draft with only what every record has.
    #[must_use]
    pub fn new(kind: Kind, id: [u8; 16], tenant: TenantId, time: Time, monotonic: u64) -> Self {
        Self {
            kind,
            id,
            tenant,
            deployment: None,
            time,
            monotonic,
            model: None,
            contract: None,
            policy: None,
            snapshot: None,
            route: None,
            result: None,
            refused_in: None,
            sealed: None,
            extension: Extension::default(),
        }
    }

    /// How many optional fields are present.
    fn present(&self) -> u64 {
        let x = &self.extension;
        let flags = [
            self.deployment.is_some(),
            self.model.is_some(),
            self.contract.is_some(),
            self.policy.is_some(),
            self.snapshot.is_some(),
            self.route.is_some(),
            self.result.is_some(),
            self.refused_in.is_some(),
            x.interaction.is_some(),
            x.intent.is_some(),
            x.rollout.is_some(),
            x.step.is_some(),
            x.arm.is_some(),
            x.assignment_key.is_some(),
            x.tier.is_some(),
            x.gate_result.is_some(),
            x.explainer_pack.is_some(),
            x.fallback_reason.is_some(),
            x.review.is_some(),
            x.replay_of.is_some(),
            x.origin.is_some(),
        ];
        flags.into_iter().map(u64::from).sum::<u64>() + if self.sealed.is_some() { 3 } else { 0 }
    }
}

impl Leaf {
    /// Appends the canonical bytes (RFC 8949 §4.2.1 core deterministic encoding) to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut e = Encoder::new(out);
        infallible(self.write(&mut e));
    }

    fn write(
        &self,
        e: &mut Out<'_>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        let d = &self.draft;
        let x = &d.extension;
        e.map(9 + d.present())?;
        e.u8(0)?.u64(SCHEMA)?;
        e.u8(1)?.u8(d.kind.code())?;
        e.u8(2)?.bytes(&d.id)?;
        e.u8(3)?.bytes(d.tenant.as_bytes())?;
        e.u8(4)?.bytes(self.gateway.as_bytes())?;
        e.u8(5)?.u64(self.seq)?;
        e.u8(6)?.bytes(self.previous.as_bytes())?;
        e.u8(7)?.u64(d.time.as_micros())?;
        e.u8(8)?.u64(d.monotonic)?;
        bytes(e, 9, d.deployment.as_ref().map(|v| &v.as_bytes()[..]))?;
        bytes(e, 10, d.model.as_ref().map(|v| &v.as_bytes()[..]))?;
        bytes(e, 11, d.contract.as_ref().map(|v| &v.as_bytes()[..]))?;
        bytes(e, 12, d.policy.as_ref().map(|v| &v.as_bytes()[..]))?;
        bytes(e, 13, d.snapshot.as_ref().map(|v| &v.as_bytes()[..]))?;
        number(e, 14, d.route.map(|v| v.code().into()))?;
        number(e, 15, d.result.map(|v| v.code().into()))?;
        number(e, 16, d.refused_in.map(|v| v.code().into()))?;
        if let Some(sealed) = &d.sealed {
            e.u8(17)?.bytes(sealed.ciphertext.as_bytes())?;
            e.u8(18)?.bytes(&sealed.key_commitment)?;
            e.u8(19)?.u8(sealed.size_log2)?;
        }
        bytes(e, 32, x.interaction.as_ref().map(|v| &v[..]))?;
        number(e, 33, x.intent)?;
        bytes(e, 34, x.rollout.as_ref().map(|v| &v[..]))?;
        number(e, 35, x.step.map(u64::from))?;
        number(e, 36, x.arm.map(u64::from))?;
        bytes(e, 37, x.assignment_key.as_ref().map(|v| &v.as_bytes()[..]))?;
        number(e, 38, x.tier.map(u64::from))?;
        bytes(e, 39, x.gate_result.as_ref().map(|v| &v.as_bytes()[..]))?;
        bytes(e, 40, x.explainer_pack.as_ref().map(|v| &v.as_bytes()[..]))?;
        number(e, 41, x.fallback_reason.map(u64::from))?;
        bytes(e, 42, x.review.as_ref().map(|v| &v[..]))?;
        bytes(e, 43, x.replay_of.as_ref().map(|v| &v[..]))?;
        number(e, 44, x.origin.map(|v| v.code().into()))?;
        Ok(())
    }

    /// The leaf in `bytes`, which must be its canonical encoding and nothing more.
    ///
    /// # Errors
    /// [`RecordError`] if they are not.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_LEAF_LEN {
            return Err(RecordError::Bound("leaf length"));
        }
        let leaf = Fields::read(bytes)?.leaf()?;
        let mut canonical = Vec::with_capacity(bytes.len());
        leaf.encode(&mut canonical);
        if canonical == bytes { Ok(leaf) } else { Err(RecordError::Bound("canonical encoding")) }
    }
}

fn bytes(
    e: &mut Out<'_>,
    key: u8,
    value: Option<&[u8]>,
) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
    if let Some(value) = value {
        e.u8(key)?.bytes(value)?;
    }
    Ok(())
}

fn number(
    e: &mut Out<'_>,
    key: u8,
    value: Option<u64>,
) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
    if let Some(value) = value {
        e.u8(key)?.u64(value)?;
    }
    Ok(())
}

/// What was read of a leaf so far.
#[derive(Default)]
struct Fields {
    schema: Option<u64>,
    kind: Option<Kind>,
    id: Option<[u8; 16]>,
    tenant: Option<TenantId>,
    gateway: Option<GatewayId>,
    seq: Option<u64>,
    previous: Option<Digest>,
    time: Option<Time>,
    monotonic: Option<u64>,
    deployment: Option<DeploymentId>,
    model: Option<Digest>,
    contract: Option<Digest>,
    policy: Option<Digest>,
    snapshot: Option<Digest>,
    route: Option<Route>,
    result: Option<ResultClass>,
    refused_in: Option<Phase>,
    ciphertext: Option<Digest>,
    key_commitment: Option<[u8; 32]>,
    size_log2: Option<u8>,
    extension: Extension,
}

impl Fields {
    fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes);
        let mut fields = Self::default();
        for _ in 0..map_len(&mut input, 64)? {
            let key = input.u8()?;
            fields.field(key, &mut input)?;
        }
        finish(&input, bytes.len())?;
        Ok(fields)
    }

    fn field(&mut self, key: u8, input: &mut Decoder<'_>) -> Result<(), RecordError> {
        let x = &mut self.extension;
        match key {
            0 => self.schema = Some(input.u64()?),
            1 => self.kind = Some(word(input, Kind::from_code, "kind")?),
            2 => self.id = Some(fixed(input)?),
            3 => self.tenant = Some(TenantId::from_bytes(fixed(input)?)),
            4 => self.gateway = Some(GatewayId::from_bytes(fixed(input)?)),
            5 => self.seq = Some(input.u64()?),
            6 => self.previous = Some(digest(input)?),
            7 => self.time = Some(Time::from_micros(input.u64()?)),
            8 => self.monotonic = Some(input.u64()?),
            9 => self.deployment = Some(DeploymentId::from_bytes(fixed(input)?)),
            10 => self.model = Some(digest(input)?),
            11 => self.contract = Some(digest(input)?),
            12 => self.policy = Some(digest(input)?),
            13 => self.snapshot = Some(digest(input)?),
            14 => self.route = Some(word(input, Route::from_code, "route")?),
            15 => self.result = Some(word(input, ResultClass::from_code, "result class")?),
            16 => self.refused_in = Some(word(input, Phase::from_code, "phase")?),
            17 => self.ciphertext = Some(digest(input)?),
            18 => self.key_commitment = Some(fixed(input)?),
            19 => self.size_log2 = Some(input.u8()?),
            32 => x.interaction = Some(fixed(input)?),
            33 => x.intent = Some(input.u64()?),
            34 => x.rollout = Some(fixed(input)?),
            35 => x.step = Some(input.u16()?),
            36 => x.arm = Some(input.u16()?),
            37 => x.assignment_key = Some(KeyId::from_bytes(fixed(input)?)),
            38 => x.tier = Some(input.u8()?),
            39 => x.gate_result = Some(digest(input)?),
            40 => x.explainer_pack = Some(digest(input)?),
            41 => x.fallback_reason = Some(input.u8()?),
            42 => x.review = Some(fixed(input)?),
            43 => x.replay_of = Some(fixed(input)?),
            44 => x.origin = Some(word(input, Origin::from_code, "origin")?),
            _ => return Err(RecordError::Unknown("leaf field")),
        }
        Ok(())
    }

    fn leaf(self) -> Result<Leaf, RecordError> {
        if self.schema.ok_or(RecordError::Missing("schema version"))? != SCHEMA {
            return Err(RecordError::Unknown("schema version"));
        }
        let sealed = match (self.ciphertext, self.key_commitment, self.size_log2) {
            (Some(ciphertext), Some(key_commitment), Some(size_log2)) => {
                Some(SealedRef { ciphertext, key_commitment, size_log2 })
            }
            (None, None, None) => None,
            _ => return Err(RecordError::Missing("part of the sealed body")),
        };
        Ok(Leaf {
            gateway: self.gateway.ok_or(RecordError::Missing("gateway"))?,
            seq: self.seq.ok_or(RecordError::Missing("sequence number"))?,
            previous: self.previous.ok_or(RecordError::Missing("previous"))?,
            draft: LeafDraft {
                kind: self.kind.ok_or(RecordError::Missing("kind"))?,
                id: self.id.ok_or(RecordError::Missing("id"))?,
                tenant: self.tenant.ok_or(RecordError::Missing("tenant"))?,
                deployment: self.deployment,
                time: self.time.ok_or(RecordError::Missing("time"))?,
                monotonic: self.monotonic.ok_or(RecordError::Missing("monotonic time"))?,
                model: self.model,
                contract: self.contract,
                policy: self.policy,
                snapshot: self.snapshot,
                route: self.route,
                result: self.result,
                refused_in: self.refused_in,
                sealed,
                extension: self.extension,
            },
        })
    }
}

fn digest(input: &mut Decoder<'_>) -> Result<Digest, RecordError> {
    fixed(input).map(Digest::from_bytes)
}

fn word<T>(
    input: &mut Decoder<'_>,
    of: fn(u8) -> Option<T>,
    what: &'static str,
) -> Result<T, RecordError> {
    of(input.u8()?).ok_or(RecordError::Unknown(what))
}

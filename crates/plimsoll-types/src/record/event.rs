//! The bodies of the other records: control events, refusals counted by the minute, gaps,
//! heartbeats.

use super::wire::{RecordError, array_len, finish, fixed, infallible, nullable};
use crate::refusal::words;
use crate::{EventId, Phase, PrincipalId, RefusalCode, Time};
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;
use std::fmt;

type Written = Result<(), minicbor::encode::Error<Infallible>>;

words! {
    /// Where a control event stands.
    Stage {
        /// Recorded before acting.
        Intent = 0 "intent",
        /// Done.
        Completed = 1 "completed",
        /// Not done; the payload says why.
        Failed = 2 "failed",
        /// Policy said no; nothing was done.
        Denied = 3 "denied",
    }
}

/// A change of control state, or the refusal of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlEvent {
    /// Where it stands.
    pub stage: Stage,
    /// The action, as in the policy's schema: `CreateDeployment`.
    pub action: Box<str>,
    /// Who acted.
    pub principal: PrincipalId,
    /// On what: `deployment/credit-default`.
    pub resource: Box<str>,
    /// The intent that this completes.
    pub intent: Option<EventId>,
    /// Facts, as JSON text. Holds no secret and no personal data beyond the actor's id.
    pub payload: Box<str>,
}

impl ControlEvent {
    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.payload.len());
        infallible(self.write(&mut out));
        out
    }
    fn write(&self, out: &mut Vec<u8>) -> Written {
        let mut e = Encoder::new(out);
        e.array(7)?.u64(1)?.u8(self.stage.code())?.str(&self.action)?;
        e.bytes(self.principal.as_bytes())?.str(&self.resource)?;
        match &self.intent {
            Some(intent) => e.bytes(intent.as_bytes())?,
            None => e.null()?,
        };
        e.str(&self.payload)?;
        Ok(())
    }
    /// The event in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        if array_len(&mut d, 7)? != 7 || d.u64()? != 1 {
            return Err(RecordError::Unknown("body version"));
        }
        let event = Self {
            stage: Stage::from_code(d.u8()?).ok_or(RecordError::Unknown("stage"))?,
            action: d.str()?.into(),
            principal: PrincipalId::from_bytes(fixed(&mut d)?),
            resource: d.str()?.into(),
            intent: nullable(&mut d, |d| fixed(d).map(EventId::from_bytes))?,
            payload: d.str()?.into(),
        };
        finish(&d, bytes.len())?;
        Ok(event)
    }
}

/// How often one listener refused for one reason within the minute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusalCount {
    /// The listener: `data`, `control`, `metrics`.
    pub listener: Box<str>,
    /// The phase that refused.
    pub phase: Phase,
    /// Why.
    pub code: RefusalCode,
    /// How often.
    pub count: u64,
}

/// Refusals before `resolve`, counted, so that an anonymous caller cannot buy disk syncs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusalTally {
    /// The beginning of the time counted.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// The counts, each listener, phase and reason at most once.
    pub counts: Vec<RefusalCount>,
}

impl RefusalTally {
    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.counts.len() * 24);
        infallible(self.write(&mut out));
        out
    }
    fn write(&self, out: &mut Vec<u8>) -> Written {
        let mut e = Encoder::new(out);
        e.array(4)?.u64(1)?.u64(self.from.as_micros())?.u64(self.to.as_micros())?;
        e.array(self.counts.len() as u64)?;
        for count in &self.counts {
            e.array(4)?
                .str(&count.listener)?
                .u8(count.phase.code())?
                .u8(count.code.code())?
                .u64(count.count)?;
        }
        Ok(())
    }
    /// The tally in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        if array_len(&mut d, 4)? != 4 || d.u64()? != 1 {
            return Err(RecordError::Unknown("body version"));
        }
        let (from, to) = (Time::from_micros(d.u64()?), Time::from_micros(d.u64()?));
        // 12 phases × 256 codes × a handful of listeners.
        let len = array_len(&mut d, 1 << 14)?;
        let counts = (0..len).map(|_| read_count(&mut d)).collect::<Result<_, _>>()?;
        finish(&d, bytes.len())?;
        Ok(Self { from, to, counts })
    }
}

fn read_count(d: &mut Decoder<'_>) -> Result<RefusalCount, RecordError> {
    array_len(d, 4)?;
    Ok(RefusalCount {
        listener: d.str()?.into(),
        phase: Phase::from_code(d.u8()?).ok_or(RecordError::Unknown("phase"))?,
        code: RefusalCode::from_code(d.u8()?).ok_or(RecordError::Unknown("refusal code"))?,
        count: d.u64()?,
    })
}

/// Sequence numbers without a record of their own, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Time of the last record before the gap.
    pub from: Time,
    /// Time at which writing went on.
    pub to: Time,
    /// Why: `crash recovery`, `queue lost`.
    pub reason: Box<str>,
    /// At most this many unacknowledged records may be missing, if that is known.
    pub at_most: Option<u64>,
}

impl Gap {
    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        infallible(self.write(&mut out));
        out
    }
    fn write(&self, out: &mut Vec<u8>) -> Written {
        let mut e = Encoder::new(out);
        e.array(5)?
            .u64(1)?
            .u64(self.from.as_micros())?
            .u64(self.to.as_micros())?
            .str(&self.reason)?;
        match self.at_most {
            Some(at_most) => e.u64(at_most)?,
            None => e.null()?,
        };
        Ok(())
    }
    /// The gap in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        if array_len(&mut d, 5)? != 5 || d.u64()? != 1 {
            return Err(RecordError::Unknown("body version"));
        }
        let gap = Self {
            from: Time::from_micros(d.u64()?),
            to: Time::from_micros(d.u64()?),
            reason: d.str()?.into(),
            at_most: nullable(&mut d, |d| Ok(d.u64()?))?,
        };
        finish(&d, bytes.len())?;
        Ok(gap)
    }
}

/// "This gateway's records are complete up to here."
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    /// Complete up to this time.
    pub complete_to: Time,
    /// Inference requests resolved to a deployment since the process began.
    pub requests: u64,
    /// Completion records written for them.
    pub completions: u64,
}

impl Heartbeat {
    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40);
        infallible(self.write(&mut out));
        out
    }
    fn write(&self, out: &mut Vec<u8>) -> Written {
        let mut e = Encoder::new(out);
        e.array(4)?
            .u64(1)?
            .u64(self.complete_to.as_micros())?
            .u64(self.requests)?
            .u64(self.completions)?;
        Ok(())
    }
    /// The heartbeat in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        if array_len(&mut d, 4)? != 4 || d.u64()? != 1 {
            return Err(RecordError::Unknown("body version"));
        }
        let beat = Self {
            complete_to: Time::from_micros(d.u64()?),
            requests: d.u64()?,
            completions: d.u64()?,
        };
        finish(&d, bytes.len())?;
        Ok(beat)
    }
}

//! The phases of a request, why a request was refused in one of them, and by what it came.

use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $code,)+ }

        impl $name {
            /// Every value, in the order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The word used in records, metrics, logs and answers.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
            /// The number used in records. Numbers are never reused.
            #[must_use]
            pub const fn code(self) -> u8 { self as u8 }
            /// The value with this number, if there is one.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}
pub(crate) use words;

words! {
    /// The phases of an inference request, in order. The same words name functions, spans,
    /// metrics and the sections of `docs/life-of-a-request.md`.
    Phase {
        /// Limits, deadline, one snapshot borrowed to the end.
        Accept = 0 "accept",
        /// Who is calling.
        Authenticate = 1 "authenticate",
        /// Which deployment is meant.
        Resolve = 2 "resolve",
        /// Rate, concurrency and load.
        Admit = 3 "admit",
        /// May this principal do this.
        Authorize = 4 "authorize",
        /// Does the request keep the input contract.
        Validate = 5 "validate",
        /// Which model versions get it.
        Plan = 6 "plan",
        /// The model's answer.
        Predict = 7 "predict",
        /// Is the answer fit to leave.
        Guard = 8 "guard",
        /// Why this answer.
        Explain = 9 "explain",
        /// The durable record.
        Record = 10 "record",
        /// The reply.
        Respond = 11 "respond",
    }
}

words! {
    /// The protocol that a request for a decision came by, whose shapes its answer has.
    Protocol {
        /// Open Inference Protocol v2, REST, with or without binary tensors.
        Oip = 0 "oip",
        /// Open Inference Protocol v2, gRPC: bodies are its messages; that of a refusal is its words.
        Grpc = 1 "grpc",
        /// `:predict` of `KServe` v1 and TensorFlow Serving.
        Predict = 2 "predict",
        /// `:explain` of `KServe` v1.
        Explain = 3 "explain",
        /// `/invocations` of `MLflow`.
        Invocations = 4 "invocations",
    }
}

words! {
    /// Why a request was refused or failed. A closed set: it labels metrics and records, and
    /// callers may program against it.
    RefusalCode {
        /// The body is larger than the deployment's limit.
        BodyTooLarge = 1 "body_too_large",
        /// `Content-Type` is not one the endpoint reads.
        UnsupportedMediaType = 2 "unsupported_media_type",
        /// `Content-Encoding` is not identity or gzip.
        UnsupportedEncoding = 3 "unsupported_encoding",
        /// The compressed body is damaged, or expands beyond the limit.
        DecompressionLimit = 4 "decompression_limit",
        /// The HTTP request itself breaks the protocol or a limit.
        MalformedRequest = 5 "malformed_request",
        /// The deadline passed before the answer was ready.
        DeadlineExceeded = 6 "deadline_exceeded",
        /// The server is shutting down.
        Draining = 7 "draining",
        /// The path or verb does not exist.
        NotFound = 8 "not_found",
        /// The verb is not one the path has.
        MethodNotAllowed = 9 "method_not_allowed",
        /// A verb that would change what is served, which only a governed release may.
        UngovernedChange = 10 "ungoverned_change",
        /// The body did not come in the time for it.
        BodyTimeout = 11 "body_timeout",

        /// No credential, or none that is known.
        Unauthenticated = 20 "unauthenticated",
        /// The key's time is over.
        KeyExpired = 21 "key_expired",
        /// The key was revoked.
        KeyRevoked = 22 "key_revoked",
        /// No deployment of this name, or none that this caller may know of.
        UnknownDeployment = 23 "unknown_deployment",
        /// The deployment exists but the version asked for is not the one planned.
        VersionNotServed = 24 "version_not_served",
        /// The deployment has no model or contract to serve with.
        NotReady = 25 "not_ready",
        /// Policy does not permit this.
        Forbidden = 26 "forbidden",
        /// The key belongs to another environment than the deployment.
        WrongEnvironment = 27 "wrong_environment",
        /// The deployment records decisions that are made elsewhere; it makes none.
        ObserveOnly = 28 "observe_only",
        /// A person switched the deployment's models off; its fallback answers, or nothing does.
        SwitchedOff = 29 "switched_off",

        /// A limit of the principal or the deployment is used up.
        RateLimited = 30 "rate_limited",
        /// Too many requests are in flight.
        Overloaded = 31 "overloaded",
        /// The ledger's queue is full, its disk is full, or it failed.
        LedgerUnavailable = 32 "ledger_unavailable",
        /// The same idempotency key is being answered now.
        IdempotencyInFlight = 33 "idempotency_in_flight",
        /// The same idempotency key came with another request.
        IdempotencyMismatch = 34 "idempotency_mismatch",
        /// The idempotency key is malformed.
        IdempotencyInvalid = 35 "idempotency_invalid",

        /// Not JSON.
        MalformedJson = 40 "malformed_json",
        /// Nested deeper than the limit.
        NestingTooDeep = 41 "nesting_too_deep",
        /// The same key twice in one object.
        DuplicateKey = 42 "duplicate_key",
        /// Not UTF-8.
        InvalidUtf8 = 43 "invalid_utf8",
        /// A bare `NaN` or `Infinity`.
        BareNan = 44 "bare_nan",
        /// An integer beyond 2^53, which not every reader keeps exactly.
        IntegerUnsafe = 45 "integer_unsafe",
        /// The protocol's own shape is broken (a missing member, a wrong kind of member).
        MalformedEnvelope = 46 "malformed_envelope",
        /// Data and shape disagree, or the shape is impossible.
        ShapeMismatch = 47 "shape_mismatch",
        /// The tensor's datatype does not fit the feature's kind.
        DatatypeMismatch = 48 "datatype_mismatch",
        /// More rows than the limit.
        TooManyRows = 49 "too_many_rows",

        /// A field the contract does not name.
        UnknownField = 60 "unknown_field",
        /// A field the contract requires.
        MissingField = 61 "missing_field",
        /// The same field twice.
        DuplicateField = 62 "duplicate_field",
        /// Null where the contract allows none.
        NullNotAllowed = 63 "null_not_allowed",
        /// A value of another kind than the contract's.
        WrongKind = 64 "wrong_kind",
        /// Outside the allowed range.
        OutOfRange = 65 "out_of_range",
        /// Not one of the allowed values.
        NotAllowedValue = 66 "not_allowed_value",
        /// Longer than the allowed length.
        TooLong = 67 "too_long",
        /// Does not match the pattern.
        PatternMismatch = 68 "pattern_mismatch",
        /// Not a timestamp of RFC 3339.
        InvalidTimestamp = 69 "invalid_timestamp",
        /// A subject, interaction id, event time or slice key that the contract maps is absent.
        MissingMapping = 70 "missing_mapping",

        /// The model failed.
        ModelFailed = 80 "model_failed",
        /// The model's answer is not finite, or breaks an output limit.
        OutputRejected = 81 "output_rejected",
        /// Something of ours broke.
        Internal = 82 "internal",
        /// The deployment explains every answer, and this one could not be explained.
        ExplanationFailed = 83 "explanation_failed",
        /// The service that answers for the model takes no calls now, or none could reach it.
        UpstreamUnavailable = 84 "upstream_unavailable",
        /// The service that answers for the model failed, or its answer was not believed.
        UpstreamFailed = 85 "upstream_failed",
    }
}

/// A refusal: where, why, and about which field. Never holds a caller's value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The phase that refused.
    pub phase: Phase,
    /// Why.
    pub code: RefusalCode,
    /// The field of the contract or member of the envelope that is at fault, if one is.
    pub field: Option<Box<str>>,
    /// The row at fault, counted from 0, if there are several.
    pub row: Option<u32>,
    /// The rule that was broken, in words: `must be between 18 and 120`. Never the value.
    pub rule: Option<Box<str>>,
}

impl Refusal {
    /// A refusal about the whole request.
    #[must_use]
    pub const fn new(phase: Phase, code: RefusalCode) -> Self {
        Self { phase, code, field: None, row: None, rule: None }
    }
    /// The same refusal with the rule that was broken.
    #[must_use]
    pub fn with_rule(mut self, rule: impl Into<Box<str>>) -> Self {
        self.rule = Some(rule.into());
        self
    }
    /// The same refusal with the field at fault.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<Box<str>>) -> Self {
        self.field = Some(field.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())?;
        if let Some(field) = &self.field {
            write!(f, ": field `{field}`")?;
        }
        if let Some(row) = self.row {
            write!(f, " in row {row}")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, ": {rule}")?;
        }
        Ok(())
    }
}

//! MLflow's errors: a word, its HTTP status, a message.

/// MLflow's error words (`databricks.proto`), as far as this server says them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A parameter is missing or wrong.
    InvalidParameterValue,
    /// A thing of this name is already there. Clients rely on its status being 400.
    ResourceAlreadyExists,
    /// There is no such thing.
    ResourceDoesNotExist,
    /// What is asked goes against what is there: in use, held, immutable.
    ResourceConflict,
    /// Policy does not permit it.
    PermissionDenied,
    /// The state of the thing does not allow it.
    InvalidState,
    /// This server does not do it.
    NotImplemented,
    /// Something of ours broke.
    InternalError,
}

impl Code {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParameterValue => "INVALID_PARAMETER_VALUE",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::ResourceDoesNotExist => "RESOURCE_DOES_NOT_EXIST",
            Self::ResourceConflict => "RESOURCE_CONFLICT",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::InvalidState => "INVALID_STATE",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
    /// The HTTP status that MLflow gives it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidParameterValue | Self::ResourceAlreadyExists => 400,
            Self::PermissionDenied => 403,
            Self::ResourceDoesNotExist => 404,
            Self::ResourceConflict => 409,
            Self::InternalError | Self::InvalidState => 500,
            Self::NotImplemented => 501,
        }
    }
}

/// What a client is told. The message may name what the client asked for, as MLflow's does,
/// cut to a harmless length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The word.
    pub code: Code,
    /// The message.
    pub message: String,
}

impl Error {
    /// An error.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
    /// A parameter is missing or wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameterValue, message)
    }
    /// There is no such thing.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceDoesNotExist, message)
    }
    /// What is asked goes against what is there.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceConflict, message)
    }
    /// A thing of this name is there already.
    #[must_use]
    pub fn exists(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceAlreadyExists, message)
    }
}

/// Text of a caller as a message may repeat it: short and on one line.
pub(crate) fn shown(text: &str) -> String {
    const MAX: usize = 200;
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(MAX).collect();
    if text.chars().count() > MAX {
        shown.push('…');
    }
    shown
}

//! Which table: of which deployment, and what its rows are about.

use plimsoll_types::DeploymentId;
use std::fmt;
use std::str::FromStr;

/// What the rows of a table are about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Holds {
    /// Rows of requests and what was answered.
    Decisions,
    /// What turned out to be true about them.
    Outcomes,
    /// Attributes of the people that they are about, which no model was given.
    Attributes,
}

impl Holds {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Outcomes => "outcomes",
            Self::Attributes => "attributes",
        }
    }
}

/// A table. Its text is the name of its folder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TableId {
    pub(crate) deployment: DeploymentId,
    pub(crate) holds: Holds,
}

impl TableId {
    pub(crate) const fn decisions(deployment: DeploymentId) -> Self {
        Self { deployment, holds: Holds::Decisions }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holds {
            Holds::Decisions => write!(f, "{}", self.deployment),
            holds => write!(f, "{}.{}", self.deployment, holds.as_str()),
        }
    }
}

impl FromStr for TableId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, holds) = match text.split_once('.') {
            None => (text, Holds::Decisions),
            Some((id, "outcomes")) => (id, Holds::Outcomes),
            Some((id, "attributes")) => (id, Holds::Attributes),
            Some(_) => return Err(()),
        };
        Ok(Self { deployment: id.parse().map_err(drop)?, holds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_leads_back_to_its_table() {
        let deployment = DeploymentId::from_bytes([1; 16]);
        for holds in [Holds::Decisions, Holds::Outcomes, Holds::Attributes] {
            let id = TableId { deployment, holds };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(format!("{deployment}.else").parse::<TableId>(), Err(()));
        assert_eq!("outcomes".parse::<TableId>(), Err(()));
    }
}

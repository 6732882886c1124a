//! What other policies would allow and deny, asked of the principals and resources there are.
//! Nothing is changed by asking.

use crate::access::mark_word;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_policy::{Action, PolicySet, Resource};

/// Changes that are shown: more than anybody reads.
const MAX_CHANGES: usize = 1_000;

impl Control {
    /// Which verdicts would be others if `files` were the policies.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. Files that cannot be the policies are no error:
    /// the preview says why.
    pub fn preview_policies(
        &self,
        ctx: &RequestContext,
        files: &[api::PolicyFile],
    ) -> Result<api::PolicyPreview, ControlError> {
        self.may_read(ctx, Action::ReadPolicy, &Resource::Policy)?;
        self.may_read(ctx, Action::ReadAccess, &Resource::Policy)?;
        let mut preview =
            api::PolicyPreview { fault: None, changes: Vec::new(), asked: 0, is_truncated: false };
        let sources: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
        let other = match PolicySet::parse(&sources) {
            Ok(other) => other,
            Err(error) => {
                preview.fault = Some(error.to_string());
                return Ok(preview);
            }
        };
        let asked = self.access_questions(ctx)?;
        preview.is_truncated = asked.is_truncated;
        let resources = asked.resources();
        let before = self.policies.matrix(&asked.principals, &resources);
        let after = other.matrix(&asked.principals, &resources);
        for (before, after) in before.rows.into_iter().zip(after.rows) {
            let verdicts = before.marks.iter().zip(&after.marks);
            for (name, (&was, &would)) in asked.names.iter().zip(verdicts) {
                preview.asked += 1;
                if was == would {
                    continue;
                }
                if preview.changes.len() >= MAX_CHANGES {
                    preview.is_truncated = true;
                    continue;
                }
                preview.changes.push(api::PolicyChange {
                    principal: name.clone(),
                    action: before.action.to_string(),
                    resource: before.resource.to_string(),
                    before: mark_word(was).to_owned(),
                    after: mark_word(would).to_owned(),
                });
            }
        }
        Ok(preview)
    }
}

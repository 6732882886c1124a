//! What may be asked of a release, as the API shows it, and what facts would lead to. Keeps nothing.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::governance::{day_of, read_sheet};
use plimsoll_api as api;
use plimsoll_policy::Action;
use plimsoll_release::assess;
use plimsoll_release::catalog::{CHECKS, DUTIES};
use plimsoll_release::questions::{Answer, QUESTIONS, Question};
use serde_json::json;

impl Control {
    /// The demands, duties and questions of this version.
    ///
    /// # Errors
    /// [`ControlError::Denied`].
    pub fn gate_catalogue(&self, ctx: &RequestContext) -> Result<api::GateCatalogue, ControlError> {
        self.may_read(ctx, Action::ListDeployments, &self.server())?;
        let demands = CHECKS.iter().map(|check| api::GateDemand {
            id: check.id.to_string(),
            question: check.question.to_owned(),
            tier: check.tier.map(|tier| tier.to_string()),
            blocks: check.blocks,
            deferrable: check.deferrable,
        });
        let duties = DUTIES.iter().map(|duty| api::GateDuty {
            id: duty.id.to_string(),
            applies: duty.applies.to_owned(),
            source: duty.source.to_owned(),
            demands: duty.checks.iter().map(ToString::to_string).collect(),
        });
        Ok(api::GateCatalogue {
            demands: demands.collect(),
            duties: duties.collect(),
            questions: QUESTIONS.iter().map(shown_question).collect(),
        })
    }

    /// What facts would lead to today. Nothing is kept, and nothing measured: for whoever states
    /// facts, before they do.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn preview_assessment(
        &self,
        ctx: &RequestContext,
        wanted: &api::PutAssessment,
    ) -> Result<api::AssessmentPreview, ControlError> {
        self.may_read(ctx, Action::ListDeployments, &self.server())?;
        let (facts, controls) = read_sheet(wanted)?;
        let assessment = json!(assess(&facts, &controls, day_of(self.clock.now())?));
        Ok(api::AssessmentPreview { assessment })
    }
}

fn shown_question(question: &Question) -> api::FactQuestion {
    let (answer, words): (_, &[&str]) = match question.answer {
        Answer::YesNo => ("yes_no", &[]),
        Answer::One(words) => ("one", words),
        Answer::Any(words) => ("any", words),
        Answer::Share => ("share", &[]),
        Answer::Day => ("day", &[]),
    };
    api::FactQuestion {
        fact: question.fact.to_owned(),
        asks: question.asks.to_owned(),
        answer: answer.to_owned(),
        words: words.iter().map(|&word| word.to_owned()).collect(),
    }
}

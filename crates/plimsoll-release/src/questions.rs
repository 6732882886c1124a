//! The facts as questions, for a terminal or a form. Knows no rule and no terminal.

use crate::facts::{
    Annex3, Area, Buyer, Criticality, Derogation, Harm, Prohibited, Role, Setting, Transparency,
};

/// What an answer may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Yes or no.
    YesNo,
    /// One of these words.
    One(&'static [&'static str]),
    /// Any of these words, or none of them.
    Any(&'static [&'static str]),
    /// Two counts: so many of so many.
    Share,
    /// A day.
    Day,
}

/// A question that states one fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The fact's name.
    pub fact: &'static str,
    /// The question.
    pub asks: &'static str,
    /// What the answer may be.
    pub answer: Answer,
}

/// The spellings of a set of words.
macro_rules! spelled {
    ($name:ident) => {{
        const WORDS: [&str; $name::ALL.len()] = {
            let mut words = [""; $name::ALL.len()];
            let mut place = 0;
            while place < words.len() {
                words[place] = $name::ALL[place].as_str();
                place += 1;
            }
            words
        };
        &WORDS
    }};
}

const fn ask(fact: &'static str, answer: Answer, asks: &'static str) -> Question {
    Question { fact, asks, answer }
}

/// All questions, in the order in which they are asked. Carve-outs are part of the question.
pub const QUESTIONS: &[Question] = &[
    ask("setting", Answer::One(spelled!(Setting)), "Where does it run?"),
    ask(
        "customer_traffic_seen",
        Answer::YesNo,
        "Has it been asked on behalf of a customer (a request tagged with a customer interaction)?",
    ),
    ask("live_outcome", Answer::YesNo, "Does anything that really happens use what it answers?"),
    ask("areas", Answer::Any(spelled!(Area)), "What does its answer decide, or help to decide?"),
    ask(
        "interactions",
        Answer::Share,
        "How many customer interactions of the last 30 days did it influence, of all? (Unmeasured counts as all.)",
    ),
    ask("harms", Answer::Any(spelled!(Harm)), "What can a wrong answer do to a customer?"),
    ask("buyers", Answer::Any(spelled!(Buyer)), "Who buys what it is part of?"),
    ask("vendor_review", Answer::YesNo, "Does a buyer review its vendors before it buys?"),
    ask("criticality", Answer::One(spelled!(Criticality)), "Is it critical to the business?"),
    ask(
        "reviewed",
        Answer::Share,
        "How many answers of the last 7 days did a person accept or override before they took effect, of all?",
    ),
    ask("personal_data", Answer::YesNo, "Does it see personal data?"),
    ask(
        "profiling",
        Answer::YesNo,
        "Does it profile persons: evaluate personal aspects automatically (GDPR 4(4))?",
    ),
    ask(
        "solely_automated",
        Answer::YesNo,
        "Does it decide alone what affects a person legally or similarly significantly (GDPR 22)?",
    ),
    ask(
        "dpia_trigger",
        Answer::YesNo,
        "Is a data protection impact assessment due (GDPR 35(3), or your authority's list)?",
    ),
    ask(
        "prohibited",
        Answer::Any(spelled!(Prohibited)),
        "Which prohibited practices of article 5(1) of the EU AI Act does it touch: manipulation (a), \
         exploiting vulnerability (b), the practices prohibited from 2 December 2026 (ba, bb), social \
         scoring (c), predicting crime by profiling (d), scraping faces (e), inferring emotions at \
         work or in education (f), biometric categories (g), real-time remote identification (h)?",
    ),
    ask(
        "annex1",
        Answer::YesNo,
        "Is it a safety component of, or itself, a product of Annex I that a third party has to assess? \
         (Not if it only serves convenience.)",
    ),
    ask(
        "annex3",
        Answer::Any(spelled!(Annex3)),
        "Which points of Annex III of the EU AI Act does it fall under? Not 1a if it only verifies that \
         a person is who they say; not 5b if it only detects fraud; 5c is life and health insurance \
         only.",
    ),
    ask(
        "derogation",
        Answer::One(spelled!(Derogation)),
        "Which exemption of article 6(3) is claimed: a narrow procedural task (a), improving what a \
         person did (b), finding patterns without replacing the person's assessment (c), a preparatory \
         task (d)?",
    ),
    ask("material_influence", Answer::YesNo, "Does it materially influence the decision?"),
    ask(
        "transparency",
        Answer::Any(spelled!(Transparency)),
        "Which cases of article 50 apply: it talks to persons (1), generates content (2), recognises \
         emotions or biometric categories (3), makes deep fakes or public texts (4)?",
    ),
    ask(
        "general_purpose_provider",
        Answer::YesNo,
        "Are you the provider of a general-purpose AI model?",
    ),
    ask("roles", Answer::Any(spelled!(Role)), "What are you under the EU AI Act?"),
    ask("operator_financial", Answer::YesNo, "Are you a financial entity (DORA 2)?"),
    ask("customer_financial", Answer::YesNo, "Is a customer of yours a financial entity?"),
    ask(
        "critical_function",
        Answer::YesNo,
        "Does it support a critical or important function of a financial entity?",
    ),
    ask("public_body", Answer::YesNo, "Are you a public body, or provide a public service?"),
    ask("legacy", Answer::YesNo, "Is it a model that cannot be changed?"),
    ask(
        "placed_on_market",
        Answer::Day,
        "When was it placed on the market or put into service, if it was?",
    ),
    ask("significant_change", Answer::YesNo, "Has its design changed significantly since then?"),
];

//! Counterfactuals of the demo's credit model: valid, allowed, and the smallest there are.

use super::*;
use crate::profile::{Change, ExplainProfile};
use plimsoll_contract::{CompiledContract, Scratch};
use plimsoll_model::Limits;
use plimsoll_types::Digest;
use std::path::Path;

struct Setup {
    model: Model,
    contract: CompiledContract,
    binding: Binding,
    profile: CompiledProfile,
    rows: Vec<Rows>,
}

fn demo(path: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/credit");
    std::fs::read(folder.join(path)).expect("committed")
}

/// The demo with a profile; of its requests those whose answer is adverse.
fn setup(profile: &str) -> Setup {
    let contract = Contract::from_yaml(&String::from_utf8(demo("contract.yaml")).expect("UTF-8"));
    let contract = contract.expect("reads");
    let document = ExplainProfile::from_yaml(profile).expect("reads");
    let profile = CompiledProfile::compile(document, Digest::ZERO, &contract).expect("compiles");
    let contract = CompiledContract::compile(&contract).expect("compiles");
    let model = Model::load(&demo("model.json"), &Limits::default()).expect("loads");
    let binding = contract.bind(model.feature_names().expect("named")).expect("binds");
    let rule = profile.decision().expect("a rule");
    let requests = String::from_utf8(demo("requests.jsonl")).expect("UTF-8");
    let mut rows = Vec::new();
    for body in requests.lines() {
        let mut scratch = Scratch::default();
        contract.validate_oip(body.as_bytes(), &mut scratch).expect("valid");
        let mut inputs = Vec::new();
        binding.model_row(&scratch.rows, 0, &mut inputs);
        let mut answer = [0.0];
        model.predict(&inputs, &mut answer).expect("answers");
        if rule.is_adverse(answer[0]) {
            rows.push(scratch.rows);
        }
    }
    Setup { model, contract, binding, profile, rows }
}

impl Setup {
    fn decided<'a>(&'a self, rows: &'a Rows) -> Decided<'a> {
        Decided {
            model: &self.model,
            binding: &self.binding,
            contract: self.contract.contract(),
            profile: &self.profile,
            rows,
            row: 0,
        }
    }
}

#[test]
fn declined_applicants_learn_a_change_that_they_can_make_and_that_helps() {
    let setup = setup(&String::from_utf8(demo("explain-profile.yaml")).expect("UTF-8"));
    assert!(setup.rows.len() >= 20);
    let (mut found, mut minimal) = (0, 0);
    for rows in &setup.rows {
        let decided = setup.decided(rows);
        let Search::Found(one) = counterfactual(decided, Budget::default()) else { continue };
        found += 1;
        minimal += usize::from(one.is_minimal);
        // Valid: told to the model by a way of its own, the changed row is decided otherwise.
        let mut changed = rows.clone();
        for (place, cell) in &one.changes {
            changed.cells[*place] = *cell;
        }
        let mut inputs = Vec::new();
        setup.binding.model_row(&changed, 0, &mut inputs);
        let mut answer = [0.0];
        setup.model.predict(&inputs, &mut answer).expect("answers");
        let rule = setup.profile.decision().expect("a rule");
        assert!(!rule.is_adverse(answer[0]));
        // Allowed: within the contract, in the declared direction and steps.
        for (place, cell) in &one.changes {
            let field = &setup.contract.contract().features[*place];
            let told = &setup.profile.document().features[&field.name];
            assert_ne!(told.change, Change::Fixed, "{}", field.name);
            let number = |cell: Cell| match cell {
                Cell::Number(value) => Some(value),
                #[expect(clippy::cast_precision_loss, reason = "small")]
                Cell::Integer(value) => Some(value as f64),
                _ => None,
            };
            let Some(after) = number(*cell) else { continue };
            assert!(field.min.is_none_or(|min| after >= min), "{}", field.name);
            assert!(field.max.is_none_or(|max| after <= max), "{}", field.name);
            let step = told.step.expect("the demo declares steps");
            let steps = after / step;
            let end = field.min == Some(after) || field.max == Some(after);
            assert!(end || (steps - steps.round()).abs() < 1e-6, "{}: {after}", field.name);
            let Some(before) = number(rows.row(0)[*place]) else { continue };
            match told.change {
                Change::Up => assert!(after > before, "{}", field.name),
                Change::Down => assert!(after < before, "{}", field.name),
                _ => {}
            }
        }
    }
    let all = setup.rows.len();
    assert!(found * 100 >= all * 95, "{found} of {all}");
    assert!(minimal * 2 >= all, "{minimal} of {all} are known to be minimal");
}

#[test]
fn the_best_first_search_finds_what_trying_everything_finds() {
    let setup = setup(
        "{version: 1, decision: {threshold: 0.2, adverse: above}, features: {
           amount: {change: down, step: 500}, debt: {change: down, step: 500},
           verified: {change: any}}}",
    );
    for rows in setup.rows.iter().take(8) {
        let decided = setup.decided(rows);
        let space = space(decided).expect("something can change");
        let mut best: Option<f64> = None;
        let counts: Vec<usize> = space.domains.iter().map(|domain| domain.values.len()).collect();
        let mut point = vec![0; counts.len()];
        'all: loop {
            if space.gain(space.answer(&point).expect("answers")) >= 0.0 {
                let cost = space.cost(&point);
                best = Some(best.map_or(cost, |best| best.min(cost)));
            }
            let mut place = 0;
            loop {
                let Some(slot) = point.get_mut(place) else { break 'all };
                *slot += 1;
                if *slot < counts[place] {
                    break;
                }
                *slot = 0;
                place += 1;
            }
        }
        match (counterfactual(decided, Budget(1 << 40)), best) {
            (Search::Found(one), Some(best)) => {
                assert!(one.is_minimal);
                assert!((one.cost - best).abs() < 1e-9, "{} for {best}", one.cost);
            }
            (Search::None, None) => {}
            (found, best) => panic!("{found:?}, but {best:?}"),
        }
    }
}

#[test]
fn a_small_budget_ends_the_search_and_nothing_declared_is_nothing_to_search() {
    let setup = setup(&String::from_utf8(demo("explain-profile.yaml")).expect("UTF-8"));
    let decided = setup.decided(&setup.rows[0]);
    assert_eq!(counterfactual(decided, Budget(1)), Search::BudgetSpent);
    let fixed = "{version: 1, decision: {threshold: 0.2, adverse: above}}";
    let fixed = ExplainProfile::from_yaml(fixed).expect("reads");
    let contract = setup.contract.contract();
    let fixed = CompiledProfile::compile(fixed, Digest::ZERO, contract).expect("compiles");
    let decided = Decided { profile: &fixed, ..decided };
    assert_eq!(counterfactual(decided, Budget::default()), Search::NotDeclared);
}

//! `plimsoll assess` and `plimsoll gate`: tier, duties, verdicts, exit codes.

use crate::place::Place;

/// A case of the decision table: content suggestions of which a person accepts each.
const FACTS: &str = r#"
[facts]
setting = "production"
live_outcome = true
areas = ["workflow"]
interactions = { part = 1000, whole = 10000 }
harms = []
buyers = []
vendor_review = false
criticality = "non_critical"
reviewed = { part = 1000, whole = 1000 }
personal_data = false
profiling = false
solely_automated = false
dpia_trigger = false
prohibited = []
annex1 = false
annex3 = []
transparency = []
general_purpose_provider = false
roles = ["deployer"]
operator_financial = false
customer_financial = false
public_body = false

[controls]
passing = ["MON-01"]
"#;

#[test]
fn ten_percent_of_interactions_decide() {
    let place = Place::new().file("ten.toml", FACTS).file(
        "more.toml",
        FACTS.replace("part = 1000, whole = 10000", "part = 1001, whole = 10000"),
    );
    let ten = place.run("assess ten.toml --as-of 2026-11-22");
    assert!(ten.contains("tier      T1 light\n") && ten.ends_with("--- exit 0\n"), "{ten}");
    let more = place.run("assess more.toml --as-of 2026-11-22");
    assert!(more.contains("tier      T2 full\n") && more.contains("MONROLL"), "{more}");
    assert!(more.contains("in a word liability\n"), "{more}");
    let json = place.run("assess more.toml --as-of 2026-11-22 --json");
    assert!(json.contains("\"tier\": \"T2\"") || json.contains("\"tier\":\"T2\""), "{json}");
}

#[test]
fn unknown_and_prohibited_are_a_no() {
    let place = Place::new()
        .file("gap.toml", FACTS.replace("harms = []\n", ""))
        .file("staff.toml", FACTS.replace("prohibited = []", "prohibited = [\"5(1)(f)\"]"))
        .file("typo.toml", FACTS.replace("harms", "harm"));
    let gap = place.run("assess gap.toml");
    assert!(gap.contains("T3 high") && gap.contains("D20"), "{gap}");
    assert!(gap.contains("facts are not known: harms") && gap.ends_with("--- exit 2\n"), "{gap}");
    let staff = place.run("assess staff.toml");
    assert!(staff.contains("T4 prohibited") && staff.ends_with("--- exit 2\n"), "{staff}");
    let typo = place.run("assess typo.toml");
    assert!(typo.ends_with("--- exit 1\n"), "{typo}");
    // Nobody is there to be asked.
    assert!(place.run("assess").ends_with("--- exit 1\n"));
}

/// What `assess` prints is what `gate judge` reads.
#[test]
fn a_gate_is_judged_from_an_assessment() {
    let place = Place::new().file("ten.toml", FACTS);
    let told = place.run("assess ten.toml --as-of 2026-11-22 --json");
    let json = &told[told.find('{').expect("json")..=told.rfind('}').expect("json")];
    let assessment: serde_json::Value = serde_json::from_str(json).expect("an assessment");
    let checks = assessment["checks"].as_array().expect("checks").clone();
    let declared: Vec<_> = checks
        .iter()
        .map(|demand| {
            let check = demand["check"].clone();
            serde_json::json!({ "name": check, "version": 1, "proves": check, "max_age_s": u32::MAX })
        })
        .collect();
    let results: Vec<_> = declared
        .iter()
        .map(|check| {
            serde_json::json!({ "check": check["name"], "version": 1, "artifact": "11".repeat(32),
                "verdict": "pass", "says": "measured", "at_us": 1_780_000_000_000_000_u64 })
        })
        .collect();
    let case = |results: &[serde_json::Value]| {
        serde_json::json!({ "deployment": "suggestions", "artifact": "11".repeat(32),
            "assessment": assessment, "declared": declared, "results": results })
        .to_string()
    };
    let place = place.file("case.json", case(&results)).file("short.json", case(&results[1..]));
    let passed = place.run("gate judge case.json --junit gate.xml --markdown gate.md");
    assert!(passed.contains("gate passed") && passed.ends_with("--- exit 0\n"), "{passed}");
    assert!(place.read("gate.xml").contains("failures=\"0\""));
    assert!(place.read("gate.md").starts_with("## Gate passed"));
    let short = place.run("gate judge short.json --sarif gate.sarif");
    assert!(short.contains("is not evaluable") && short.ends_with("--- exit 2\n"), "{short}");
    assert!(place.read("gate.sarif").contains("\"level\": \"error\""));
    assert!(place.run("gate judge case.toml").ends_with("--- exit 1\n"));
}

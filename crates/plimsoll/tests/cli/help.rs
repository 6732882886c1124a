//! Help: complete, with examples, and the same as in the documents.

use crate::place::{Place, repository};

/// `docs/cli.md` is the golden file of every command's help.
#[test]
fn the_document_is_what_help_says() {
    let output = Place::new().output("help-markdown");
    let found = String::from_utf8(output.stdout).expect("UTF-8");
    let path = repository("docs/cli.md");
    let written = std::fs::read_to_string(path).expect("docs/cli.md");
    assert!(written == found, "docs/cli.md is stale; run: plimsoll help-markdown > docs/cli.md");
}

/// Every command that does something shows how.
#[test]
fn every_command_has_examples_that_parse() {
    let document = std::fs::read_to_string(repository("docs/cli.md")).expect("docs/cli.md");
    let mut seen = 0;
    for section in document.split("\n#").skip(1) {
        let name = section.lines().next().expect("a heading").trim_start_matches(['#', ' ']);
        if section.contains("<COMMAND>") {
            continue;
        }
        let examples =
            section.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("{name}: no examples"));
        let lines = examples.replace("\\\n", "").replace("'", "");
        for line in lines.lines().filter(|line| line.starts_with("  plimsoll")) {
            assert!(
                line.trim_start().starts_with(name),
                "{name}: an example of another command: {line}"
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} examples");
}

#[test]
fn help_of_the_whole() {
    let place = Place::new();
    insta::assert_snapshot!(place.session(&["--help", "version", "version --json"]));
    assert!(place.run("--version").contains("--- exit 0"));
    assert!(place.run("").contains("--- exit 1"), "nothing asked for is no success");
}

//! What to try while the demo runs: commands that can be copied as they are.

use super::assets::CREDIT;
use std::path::Path;

/// A body of a good request, in the demo's folder.
pub(super) const GOOD: &str = "request.json";
/// A body that is refused.
pub(super) const BAD: &str = "refused.json";

/// One thing to try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hint {
    /// What it shows.
    pub(super) what: &'static str,
    /// What to type, or where to look.
    pub(super) command: String,
}

/// The hints for a demo at `base` in `folder`, run as `binary`, that made `decision`.
pub(super) fn hints(binary: &str, base: &str, folder: &Path, decision: Option<&str>) -> Vec<Hint> {
    let infer = format!("{base}/v2/models/{}/infer", CREDIT.deployment);
    let curl = |file: &str| {
        let file = quote(&folder.join(file).to_string_lossy());
        format!("curl -s -H content-type:application/json -d @{file} {infer}")
    };
    let binary = quote(binary);
    let ours = |words: &str| format!("{binary} {words} --url {base}");
    let mut hints = vec![("ask", curl(GOOD)), ("be refused", curl(BAD))];
    if let Some(id) = decision {
        hints.push(("look up", ours(&format!("decision show {id}"))));
        hints.push(("explain", ours(&format!("decision explain {id}"))));
    }
    hints.push(("follow", ours("decision tail")));
    hints.push(("access", ours("access matrix")));
    hints.push(("metrics", format!("{base}/metrics")));
    hints.push(("api", format!("{base}/openapi.json")));
    hints.into_iter().map(|(what, command)| Hint { what, command }).collect()
}

/// The text as one word of a shell.
fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_shell_are_quoted_where_they_must_be() {
        for (text, quoted) in [
            ("a/b-c.d", "a/b-c.d"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }
}

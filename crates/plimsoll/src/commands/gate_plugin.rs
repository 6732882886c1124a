//! Checks of a team's own, as `plimsoll gate run` asks them: a command or an address, within a time,
//! with an answer of a bounded size. Whatever goes wrong is not evaluable, and told without a word
//! of what the plug-in said.

use plimsoll_api as api;
use plimsoll_release::gate::Verdict;
use plimsoll_types::Digest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use ureq::tls::TlsConfig;

/// The most bytes that an answer may have.
const ANSWER_MAX: u64 = 1 << 20;
/// The most bytes of what an answer says, as the server takes it.
const SAYS_MAX: usize = 4_096;
/// How long one may take unless the plan has another time, in seconds.
const TIMEOUT_S: u32 = 60;

/// What a plug-in answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) verdict: String,
    pub(super) says: String,
    #[serde(default)]
    pub(super) evidence: Option<Digest>,
}

/// Asks a check of the team's own. Whatever goes wrong is not evaluable, and told.
pub(super) fn ask(plugin: &api::PluginCheck, standing: &api::ReleaseStanding) -> Answer {
    let question = json!({
        "deployment": standing.deployment, "version": standing.version,
        "artifact": standing.artifact, "check": plugin.name, "check_version": plugin.version,
    });
    let within = Duration::from_secs(plugin.timeout_s.unwrap_or(TIMEOUT_S).into());
    let asked = match (&plugin.url, plugin.command.split_first()) {
        (Some(url), _) => posted(url, &question, within),
        (None, Some((program, arguments))) => commanded(program, arguments, &question, within),
        (None, None) => Err("it has neither a command nor an address".to_owned()),
    };
    asked.and_then(|bytes| read(&bytes)).unwrap_or_else(|says| Answer {
        verdict: Verdict::NotEvaluable.as_str().to_owned(),
        says,
        evidence: None,
    })
}

/// The answer, if it is one.
fn read(bytes: &[u8]) -> Result<Answer, String> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > ANSWER_MAX {
        return Err("its answer is larger than 1 MiB".to_owned());
    }
    // Where it is wrong, and not how: its words are a stranger's.
    let mut answer: Answer = serde_json::from_slice(bytes).map_err(|error| {
        format!("its answer is none: see line {}, column {}", error.line(), error.column())
    })?;
    if !Verdict::ALL.iter().any(|verdict| verdict.as_str() == answer.verdict) {
        return Err("its verdict is none".to_owned());
    }
    if answer.says.trim().is_empty() || answer.says.len() > SAYS_MAX {
        return Err(format!("it says nothing, or more than {SAYS_MAX} bytes"));
    }
    answer.says = answer.says.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(answer)
}

fn commanded(
    program: &str,
    arguments: &[String],
    question: &Value,
    within: Duration,
) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("the command could not be run: {error}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A command that reads nothing closes it early, and may answer all the same.
        drop(input.write_all(question.to_string().as_bytes()));
    }
    let (told, answered) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(ANSWER_MAX + 1).read_to_end(&mut bytes);
            drop(told.send(read.map(|_| bytes)));
        });
    }
    let answer = answered.recv_timeout(within);
    let too_large = matches!(&answer, Ok(Ok(bytes)) if bytes.len() as u64 > ANSWER_MAX);
    if too_large || answer.is_err() {
        end(&mut child);
    }
    let bytes = answer.map_err(|_| format!("it took longer than {} s", within.as_secs()))?;
    let bytes = bytes.map_err(failed)?;
    if too_large {
        return Ok(bytes);
    }
    let status = ended(&mut child, within).ok_or("it answered, and did not end".to_owned())?;
    if !status.success() {
        return Err(format!("the command ended with {status}"));
    }
    Ok(bytes)
}

/// Waits for a command that closed its output, and ends one that stays.
fn ended(child: &mut Child, within: Duration) -> Option<std::process::ExitStatus> {
    const LOOK_EVERY: Duration = Duration::from_millis(20);
    let looks = within.as_millis() / LOOK_EVERY.as_millis() + 1;
    for _ in 0..looks {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    end(child);
    None
}

fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

fn posted(url: &str, question: &Value, within: Duration) -> Result<Vec<u8>, String> {
    let failed = |error: ureq::Error| format!("it could not be asked: {error}");
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(provider));
    let agent = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(within))
        // What is asked about is for the address that the plan names.
        .max_redirects(0)
        .build()
        .new_agent();
    let mut answer = agent
        .post(url)
        .header("content-type", "application/json")
        .send(question.to_string())
        .map_err(failed)?;
    if answer.status().as_u16() != 200 {
        return Err(format!("it answered with the status {}", answer.status().as_u16()));
    }
    let mut bytes = Vec::new();
    let reader = answer.body_mut().as_reader().take(ANSWER_MAX + 1).read_to_end(&mut bytes);
    reader.map_err(|error| format!("its answer broke off: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, within: u64) -> Result<Answer, String> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        commanded("sh", &arguments, &json!({"check": "x"}), Duration::from_secs(within))
            .and_then(|bytes| read(&bytes))
    }

    #[test]
    fn what_a_plug_in_may_do_wrong_is_told_and_ends() {
        let good = run(r#"echo '{"verdict":"pass","says":"looked\u001b[31m at"}'"#, 20).unwrap();
        assert_eq!((good.verdict.as_str(), good.says.as_str()), ("pass", "looked [31m at"));
        for (script, why) in [
            ("exec sleep 60", "longer than 1 s"),
            (
                "echo '{\"verdict\":\"pass\",\"says\":\"x\"}'; exec >&-; exec sleep 60",
                "did not end",
            ),
            ("yes hostile", "larger than 1 MiB"),
            ("echo secret-words", "see line 1"),
            ("exit 3", "exit status: 3"),
            ("echo '{\"verdict\":\"maybe\",\"says\":\"x\"}'", "verdict is none"),
            ("echo '{\"verdict\":\"pass\",\"says\":\" \"}'", "says nothing"),
            ("echo '{\"verdict\":\"pass\",\"says\":\"x\",\"more\":1}'", "none"),
        ] {
            let said = run(script, 1).err().unwrap();
            assert!(said.contains(why), "{script}: {said}");
            assert!(!said.contains("secret") && !said.contains("hostile"), "{said}");
        }
        assert!(commanded("no-such-program", &[], &json!({}), Duration::from_secs(1)).is_err());
    }
}

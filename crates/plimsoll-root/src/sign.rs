//! AWS Signature Version 4 (docs.aws.amazon.com, "Create a signed AWS API request"), for
//! requests with a body and no query. Checked against the vector of AWS's test suite.

use aws_lc_rs::{digest, hmac};
use plimsoll_types::Time;
use plimsoll_types::digest::hex;
use std::fmt;
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs, for which service.
pub(crate) struct Signer {
    pub(crate) id: String,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) region: Box<str>,
    pub(crate) service: &'static str,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

/// The time of a request as signatures have it.
pub(crate) struct Stamp {
    /// `20260701T083000Z`.
    pub(crate) second: String,
    /// `20260701`.
    day: String,
}

impl Stamp {
    pub(crate) fn of(time: Time) -> Self {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
        let text = |format: &str| time.strftime(format).to_string();
        Self { second: text("%Y%m%dT%H%M%SZ"), day: text("%Y%m%d") }
    }
}

impl Signer {
    /// The header `authorization`. `headers` are lower case and sorted.
    pub(crate) fn authorization(
        &self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        stamp: &Stamp,
    ) -> String {
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim()));
        let lines: String = lines.collect();
        let request = format!("{verb}\n{path}\n\n{lines}\n{names}\n{}", sha256(body));
        let scope = format!("{}/{}/{}/aws4_request", stamp.day, self.region, self.service);
        let text =
            format!("{ALGORITHM}\n{}\n{scope}\n{}", stamp.second, sha256(request.as_bytes()));
        let start = Zeroizing::new(format!("AWS4{}", *self.secret).into_bytes());
        let parts = [stamp.day.as_str(), &self.region, self.service, "aws4_request", &text];
        let signature = parts.iter().fold(start, |key, part| mac(&key, part));
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.id,
            hex(&signature)
        )
    }
}

fn mac(key: &[u8], text: &str) -> Zeroizing<Vec<u8>> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    Zeroizing::new(hmac::sign(&key, text.as_bytes()).as_ref().to_vec())
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_awss_test_suite() {
        // aws-sig-v4-test-suite, `post-vanilla`.
        let signer = Signer {
            id: "AKIDEXAMPLE".into(),
            secret: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
            region: "us-east-1".into(),
            service: "service",
        };
        let stamp = Stamp::of(Time::from_micros(1_440_938_160_000_000));
        assert_eq!(stamp.second, "20150830T123600Z");
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", &*stamp.second)];
        assert_eq!(
            signer.authorization("POST", "/", &headers, b"", &stamp),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }
}

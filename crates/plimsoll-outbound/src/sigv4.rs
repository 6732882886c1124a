//! AWS Signature Version 4 (docs.aws.amazon.com, "Create a signed AWS API request"), which
//! services that speak an API of AWS ask for. Checked against AWS's test suite and the examples of
//! its S3 reference.

use crate::client::Request;
use aws_lc_rs::{digest, hmac};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use plimsoll_types::Time;
use plimsoll_types::digest::hex;
use std::fmt;
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Who signs, and for which service. Shows no secret.
#[derive(Clone)]
pub struct Signer {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
    region: Box<str>,
    service: &'static str,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer with an access key. `None` if a part of it is empty or not plain text.
    #[must_use]
    pub fn new(
        id: String,
        secret: Zeroizing<String>,
        region: &str,
        service: &'static str,
    ) -> Option<Self> {
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let is_good = is_plain(&id) && is_plain(&secret) && is_plain(region);
        is_good.then(|| Self { id, secret, token: None, region: region.into(), service })
    }

    /// The same with the token of a session, if there is one.
    #[must_use]
    pub fn with_token(self, token: Option<Zeroizing<String>>) -> Self {
        Self { token, ..self }
    }

    /// Who is signed for: the access key's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The region that is signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Signs a request as it stands: method, address, headers and body. Its path must be encoded as
    /// it is to be signed, and its query sorted; a header that is no text is not signed.
    #[must_use]
    pub fn sign(&self, request: Request, now: Time) -> Request {
        let stamp = Stamp::of(now);
        let body = sha256(&request.body);
        let mut request = request.with_header(DATE, text(&stamp.second));
        if self.service == "s3" {
            request = request.with_header(CONTENT, text(&body));
        }
        if let Some(token) = &self.token {
            let mut value = text(token);
            value.set_sensitive(true);
            request = request.with_header(TOKEN, value);
        }
        let host = request.url.authority();
        let mut headers = vec![("host", host.as_str())];
        for (name, value) in &request.headers {
            if *name != AUTHORIZATION
                && *name != USER_AGENT
                && let Ok(value) = value.to_str()
            {
                headers.push((name.as_str(), value));
            }
        }
        headers.sort_unstable();
        let target = request.url.target();
        let signed = self.authorization(
            [request.method.as_str(), target.path(), target.query().unwrap_or_default()],
            &headers,
            &body,
            &stamp,
        );
        let mut signed = text(&signed);
        signed.set_sensitive(true);
        request.with_header(AUTHORIZATION, signed)
    }

    /// The header `authorization` of verb, path and query. `headers` are lower case and sorted.
    fn authorization(
        &self,
        [verb, path, query]: [&str; 3],
        headers: &[(&str, &str)],
        body: &str,
        stamp: &Stamp,
    ) -> String {
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim()));
        let lines: String = lines.collect();
        let request = format!("{verb}\n{path}\n{query}\n{lines}\n{names}\n{body}");
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

/// The time of a request as signatures have it.
struct Stamp {
    /// `20260701T083000Z`.
    second: String,
    /// `20260701`.
    day: String,
}

impl Stamp {
    fn of(time: Time) -> Self {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
        let text = |format: &str| time.strftime(format).to_string();
        Self { second: text("%Y%m%dT%H%M%SZ"), day: text("%Y%m%d") }
    }
}

/// A header's value. Everything that is signed with is plain text.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
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
    use http::Method;

    #[test]
    fn the_vector_of_awss_test_suite() {
        // aws-sig-v4-test-suite, `post-vanilla`.
        let secret = Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let signer = Signer::new("AKIDEXAMPLE".into(), secret, "us-east-1", "service");
        let url = "https://example.amazonaws.com/".parse().expect("an address");
        let request = Request::post(url, Vec::new());
        let signed = signer.expect("plain").sign(request, Time::from_micros(1_440_938_160_000_000));
        assert_eq!(signed.headers[DATE], "20150830T123600Z");
        assert_eq!(
            signed.headers[AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }

    #[test]
    fn the_examples_of_the_s3_reference() {
        // docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
        let secret = Zeroizing::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let signer = Signer::new("AKIAIOSFODNN7EXAMPLE".into(), secret, "us-east-1", "s3");
        let signer = signer.expect("plain");
        let signature = |method, path: &str, headers: &[(&'static str, &'static str)], body| {
            let url = format!("https://examplebucket.s3.amazonaws.com{path}");
            let mut request: Request =
                Request::new(method, url.parse().expect("an address"), Vec::from(body));
            for (name, value) in headers {
                let value = HeaderValue::from_static(value);
                request = request.with_header(HeaderName::from_static(name), value);
            }
            let signed = signer.sign(request, Time::from_micros(1_369_353_600_000_000));
            let header = signed.headers[AUTHORIZATION].to_str().expect("text").to_owned();
            header.rsplit('=').next().expect("a signature").to_owned()
        };
        assert_eq!(
            signature(Method::GET, "/test.txt", &[("range", "bytes=0-9")], ""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            signature(
                Method::PUT,
                "/test%24file.text",
                &[
                    ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                    ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ],
                "Welcome to Amazon S3."
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            signature(Method::GET, "/?max-keys=2&prefix=J", &[], ""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }
}

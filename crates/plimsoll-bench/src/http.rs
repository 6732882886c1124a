//! The little of HTTP/1.1 (RFC 9112) that a load generator needs: requests as ready bytes, and
//! reading an answer up to its end. Answers must have a `content-length`; it must not know load.

use std::net::{SocketAddr, ToSocketAddrs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest head of an answer. Servers' own default limits are 8 to 16 KiB.
const MAX_HEAD: usize = 32 << 10;
/// The largest body of an answer; answers under test are some hundred bytes.
const MAX_BODY: usize = 16 << 20;
/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The address to connect to.
    pub(crate) address: SocketAddr,
    host: String,
    path: String,
}

/// Why a URL or header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// Not `http://host:port/path`.
    #[error("the url must be http://host[:port]/path")]
    Url,
    /// The name has no address.
    #[error("the host of the url has no address")]
    Host,
    /// Not `name: value` in visible ASCII.
    #[error("a header must be `name: value` on one line of ASCII")]
    Header,
}

/// One request, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Head and body.
    pub(crate) bytes: Vec<u8>,
}

/// What matters of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Whether the server closes the connection.
    pub(crate) closes: bool,
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    /// The server closed the connection before the answer was complete.
    #[error("the server closed the connection before its answer was complete")]
    Closed,
    /// The answer is not HTTP/1.1 with a length.
    #[error("the answer is not HTTP/1.1 with a content-length")]
    Malformed,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    answer: Answer,
    /// Bytes of head and body together.
    len: usize,
}

impl Target {
    /// Reads a URL and looks its host up.
    ///
    /// # Errors
    /// [`TargetError`] if it is not one, or its host has no address.
    pub(crate) fn parse(url: &str) -> Result<Self, TargetError> {
        let rest = url.strip_prefix("http://").ok_or(TargetError::Url)?;
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, format!("/{path}")),
            None => (rest, "/".into()),
        };
        if host.is_empty() || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TargetError::Url);
        }
        let port = if host.contains(':') { host.into() } else { format!("{host}:80") };
        let address = port.to_socket_addrs().ok().and_then(|mut all| all.next());
        Ok(Self { address: address.ok_or(TargetError::Host)?, host: host.into(), path })
    }
}

impl Request {
    /// A request without a body.
    ///
    /// # Errors
    /// [`TargetError::Header`] if a header is not one.
    pub(crate) fn get(target: &Target, headers: &[String]) -> Result<Self, TargetError> {
        let head = head("GET", target, headers)?;
        Ok(Self { bytes: format!("{head}\r\n").into_bytes() })
    }
    /// A request with a JSON body.
    ///
    /// # Errors
    /// [`TargetError::Header`] if a header is not one.
    pub(crate) fn post(
        target: &Target,
        headers: &[String],
        body: &str,
    ) -> Result<Self, TargetError> {
        let head = head("POST", target, headers)?;
        let len = body.len();
        let kind = "content-type: application/json";
        Ok(Self {
            bytes: format!("{head}{kind}\r\ncontent-length: {len}\r\n\r\n{body}").into_bytes(),
        })
    }
}

fn head(method: &str, target: &Target, headers: &[String]) -> Result<String, TargetError> {
    let mut head = format!("{method} {} HTTP/1.1\r\nhost: {}\r\n", target.path, target.host);
    for header in headers {
        let (name, value) = header.split_once(':').ok_or(TargetError::Header)?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if name.is_empty() || !plain(name) || name.contains(' ') || !plain(value) {
            return Err(TargetError::Header);
        }
        head.extend([name, ": ", value.trim(), "\r\n"]);
    }
    Ok(head)
}

/// Sends one request and reads its answer to the end. `buffer` is reused.
///
/// # Errors
/// [`HttpError`]; the connection is then of no further use.
pub(crate) async fn exchange(
    stream: &mut TcpStream,
    request: &Request,
    buffer: &mut Vec<u8>,
) -> Result<Answer, HttpError> {
    stream.write_all(&request.bytes).await?;
    buffer.clear();
    let head = loop {
        read_some(stream, buffer).await?;
        if let Some(head) = parse_head(buffer)? {
            break head;
        }
    };
    while buffer.len() < head.len {
        read_some(stream, buffer).await?;
    }
    // More than one answer to one request: what follows could not be told apart.
    if buffer.len() > head.len { Err(HttpError::Malformed) } else { Ok(head.answer) }
}

async fn read_some(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), HttpError> {
    buffer.reserve(CHUNK);
    if stream.read_buf(buffer).await? == 0 {
        return Err(HttpError::Closed);
    }
    Ok(())
}

/// The head, once it is complete.
fn parse_head(buffer: &[u8]) -> Result<Option<Head>, HttpError> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if buffer.len() > MAX_HEAD { Err(HttpError::Malformed) } else { Ok(None) };
    };
    let text = buffer.get(..end).and_then(|head| std::str::from_utf8(head).ok());
    let mut lines = text.ok_or(HttpError::Malformed)?.split("\r\n");
    let status = lines.next().and_then(status).ok_or(HttpError::Malformed)?;
    let mut body = None;
    let mut closes = false;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body = value.parse::<usize>().ok().filter(|&len| len <= MAX_BODY);
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    if status == 204 {
        body = Some(0);
    }
    let len = end + 4 + body.ok_or(HttpError::Malformed)?;
    Ok(Some(Head { answer: Answer { status, closes }, len }))
}

fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_a_target() {
        let target = Target::parse("http://127.0.0.1:8000/v2/models/a/infer").expect("url");
        assert_eq!(target.address.to_string(), "127.0.0.1:8000");
        assert_eq!(
            (target.host.as_str(), target.path.as_str()),
            ("127.0.0.1:8000", "/v2/models/a/infer")
        );
        for bad in ["https://a/", "127.0.0.1", "http://", "http://127.0.0.1:80/a b"] {
            assert_eq!(Target::parse(bad), Err(TargetError::Url), "{bad}");
        }
    }

    #[test]
    fn a_request_is_its_bytes() {
        let target = Target::parse("http://127.0.0.1:1/p").expect("url");
        let headers = ["authorization: Bearer k".to_owned()];
        let request = Request::post(&target, &headers, "{}").expect("request");
        let text = "POST /p HTTP/1.1\r\nhost: 127.0.0.1:1\r\nauthorization: Bearer k\r\n\
                    content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(request.bytes).expect("text"), text);
        let split = Request::get(&target, &["a: b\r\nc: d".to_owned()]);
        assert_eq!(split, Err(TargetError::Header));
    }

    #[test]
    fn heads_are_read_when_complete() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
        assert!(matches!(parse_head(&head[..head.len() - 1]), Ok(None)));
        let answer = Answer { status: 200, closes: true };
        let read = parse_head(head).expect("well formed");
        assert_eq!(read, Some(Head { answer, len: head.len() + 5 }));
        for bad in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200\r\ncontent-length: -1\r\n\r\n",
        ] {
            assert!(parse_head(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse_head(&[b'a'; MAX_HEAD + 1]).is_err());
    }
}

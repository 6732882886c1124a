//! A real server of S3's API from PyPI, on this machine. `make tools-test` installs it.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use plimsoll_outbound::{Outbound, OutboundConfig, Reply, Request};
use plimsoll_s3::{Access, Config, S3, S3Error};
use plimsoll_types::{Clock, SystemClock};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

pub(crate) const REGION: &str = "eu-central-1";
const POLICY: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";

/// The server, with a bucket and an access key that may use it.
pub(crate) struct Moto {
    child: Child,
    port: u16,
    pub(crate) access: Access,
    pub(crate) outbound: Outbound,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Moto {
    pub(crate) fn start() -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/moto/bin/moto_server");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("a port").port();
        let child = Command::new(python)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto is installed by `make tools-test`");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let outbound = Outbound::new(OutboundConfig::dev(), Arc::clone(&clock)).expect("a client");
        let access = Access::default();
        let mut moto = Self { child, port, access, outbound, clock };
        let up = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            moto.ask(Request::get(moto.url("/moto-api/").parse().expect("an address"))).is_some()
        });
        assert!(up, "moto answers");
        moto.make_user();
        let bucket = Request::new(
            http::Method::PUT,
            moto.url("/models").parse().expect("an address"),
            format!(
                "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
            ),
        );
        moto.call(bucket, "s3");
        // From now on every signature is checked, and every permission.
        let reset = Request::post(moto.url("/moto-api/reset-auth").parse().expect("fine"), "0");
        assert!(moto.ask(reset).is_some_and(|reply| reply.status == 200));
        moto
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn ask(&self, request: Request) -> Option<Reply> {
        self.outbound.send_blocking(request.at_most(4 << 20)).ok()
    }

    /// A call that nobody checks yet.
    fn call(&self, request: Request, service: &str) -> String {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let scope = HeaderValue::from_str(&scope).expect("text");
        let reply = self.ask(request.with_header(AUTHORIZATION, scope)).expect("answers");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, 200, "{text}");
        text
    }

    fn make_user(&mut self) {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let iam = |moto: &Self, body: String| {
            let request = Request::post(moto.url("/").parse().expect("an address"), body);
            moto.call(request.with_header(CONTENT_TYPE, form.clone()), "iam")
        };
        iam(self, "Action=CreateUser&Version=2010-05-08&UserName=plimsoll".into());
        let policy = format!(
            "Action=PutUserPolicy&Version=2010-05-08&UserName=plimsoll&PolicyName=all&PolicyDocument={POLICY}"
        );
        iam(self, policy);
        let key = iam(self, "Action=CreateAccessKey&Version=2010-05-08&UserName=plimsoll".into());
        let field = |name: &str| {
            let (_, rest) = key.split_once(&format!("<{name}>")).expect("a field");
            rest.split_once("</").expect("ends").0.to_owned()
        };
        self.access = Access {
            id: field("AccessKeyId"),
            secret: Zeroizing::new(field("SecretAccessKey")),
            token: None,
        };
    }

    /// A client of `address`.
    pub(crate) fn bucket(&self, address: &str) -> S3 {
        self.bucket_as(address, self.access.clone()).expect("a client")
    }

    pub(crate) fn bucket_as(&self, address: &str, access: Access) -> Result<S3, S3Error> {
        let config = Config {
            address: address.parse().expect("an address"),
            endpoint: Some(self.url("").parse().expect("an endpoint")),
            region: REGION.into(),
            path_style: true,
            access,
        };
        S3::new(config, &self.outbound, Arc::clone(&self.clock))
    }
}

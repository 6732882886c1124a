//! The Python client, and MLflow's deployments through it, against the server.

use crate::harness::{Server, demo};
use std::path::Path;
use std::process::Command;

#[test]
fn the_python_client_asks_refuses_explains_and_deploys() {
    let server = Server::dev().with_credit("durable");
    let profile = demo("credit/explain-profile.yaml").to_string_lossy().into_owned();
    let update = ["deployment", "update", "credit-default", "--explain", "inline"];
    server.cli(&[&update[..], &["--explain-profile", &profile]].concat()).ok();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".venv/python-client/bin/python");
    assert!(python.exists(), "run `make tools-test` first: there is no {}", python.display());
    let done = Command::new(python)
        .args(["-m", "unittest", "discover", "clients/python/plimsoll/tests"])
        .current_dir(&root)
        .env("PLIMSOLL_DATA_URL", format!("http://{}", server.address()))
        .env("PLIMSOLL_URL", format!("http://{}", server.control()))
        .env("PLIMSOLL_KEY", server.admin_key.as_deref().unwrap_or_default())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

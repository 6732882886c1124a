//! Datasets through the command line: from files, and from a repository of the real DVC.

use crate::harness::Server;
use std::path::Path;
use std::process::Command;

const LOANS: &str = "id,income,region,outcome\n1,1000.5,north,0\n2,2000,south,1\n3,,north,0\n";

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_table_is_registered_granted_and_downloaded() {
    let server = Server::dev();
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("loans.csv");
    std::fs::write(&table, LOANS).expect("written");
    let register = ["dataset", "register", "loans", &text(&table), "--json"];
    let about = ["--purpose", "scoring", "--personal", "income", "--licence", "CC-BY-4.0"];
    let made = server.cli(&[&register[..], &about].concat()).json();
    assert_eq!((&made["number"], &made["is_kept"]), (&1.into(), &true.into()));
    assert_eq!(made["manifest"]["rows"], 3);
    let income = &made["manifest"]["columns"][1];
    assert_eq!((&income["name"], &income["missing"]), (&"income".into(), &1.into()));
    assert_eq!((&income["min"], &income["max"]), (&1000.5.into(), &2000.0.into()));
    // Nothing of it stands in clear on the server's disk.
    let found = Command::new("grep")
        .args(["-rlF", "1,1000.5,north"])
        .arg(server.data_folder())
        .output()
        .expect("grep runs");
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));

    let to = folder.path().join("out");
    let to = text(&to);
    let download = |purpose| {
        ["dataset", "download", "loans", "1", "--use", "train", "--purpose", purpose, "--to", &to]
    };
    assert_eq!(server.cli(&download("scoring")).code, 2, "personal data, and no grant");
    let grant = ["dataset", "grant", "loans", "dev", "--use", "train", "--purpose", "scoring"];
    server.cli(&grant).ok();
    server.cli(&download("scoring")).ok();
    assert_eq!(std::fs::read_to_string(Path::new(&to).join("loans.csv")).expect("there"), LOANS);
    assert_eq!(server.cli(&download("scoring")).code, 1, "it is there already");
    assert!(server.cli(&["dataset", "show", "loans"]).ok().contains("scoring"));
    assert!(server.cli(&["dataset", "list"]).ok().contains("loans"));
    let revoke = ["dataset", "revoke", "loans", "dev", "--use", "train", "--purpose", "scoring"];
    server.cli(&revoke).ok();
    std::fs::remove_dir_all(&to).expect("removed");
    assert_eq!(server.cli(&download("scoring")).code, 2);
}

#[test]
fn what_the_real_dvc_tracks_is_read_and_checked() {
    let server = Server::dev();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dvc = root.join(".venv/dvc/bin");
    assert!(dvc.join("dvc").exists(), "run `make tools-test` first: there is no {}", dvc.display());
    let folder = tempfile::tempdir().expect("a folder");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", text(&dvc));
    let made = Command::new(root.join("tools/dvc/repo.sh"))
        .arg(folder.path())
        .env("PATH", path)
        .output()
        .expect("a shell runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let repo = folder.path().join("repo");
    let register = |name: &str, file: &str| {
        server.cli(&["dataset", "register", name, "--dvc", &text(&repo.join(file)), "--json"])
    };
    let loans = register("loans", "data/loans.csv.dvc").json();
    let file = &loans["manifest"]["files"][0];
    assert_eq!(
        (&file["path"], &file["md5"]),
        (&"loans.csv".into(), &"fbfa91a784d884abf61283d7bb3fe5f5".into())
    );
    let source = &loans["manifest"]["source"];
    assert_eq!(
        (&source["kind"], &source["address"]),
        (&"dvc".into(), &"data/loans.csv.dvc".into())
    );
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(&repo).output();
    let head = String::from_utf8(head.expect("git runs").stdout).expect("UTF-8");
    assert_eq!(source["commit"], head.trim());
    assert!(source.get("warnings").is_none(), "{source}");

    // A folder whose files are only in the remote that is a folder.
    std::fs::remove_dir_all(repo.join("raw")).expect("removed");
    std::fs::remove_dir_all(repo.join(".dvc/cache")).expect("removed");
    let raw = register("raw", "raw.dvc").json();
    let files: Vec<_> = raw["manifest"]["files"].as_array().expect("files").iter().collect();
    assert_eq!(
        (&files[0]["path"], &files[1]["path"]),
        (&"raw/a.txt".into(), &"raw/sub/b.txt".into())
    );

    // Changed behind DVC's back: verification failed. A link out of the repository: refused.
    std::fs::write(repo.join("data/loans.csv"), "other").expect("written");
    assert_eq!(register("other", "data/loans.csv.dvc").code, 3);
    std::fs::remove_file(repo.join("data/loans.csv")).expect("removed");
    std::os::unix::fs::symlink("/etc/passwd", repo.join("data/loans.csv")).expect("linked");
    let said = register("other", "data/loans.csv.dvc");
    assert!(
        said.code == 1 && said.stderr.contains("link out of the repository"),
        "{}",
        said.stderr
    );
}

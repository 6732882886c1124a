//! Settings: their defaults, their documented example, and what they may not be.

use super::*;

fn defaults() -> Settings {
    Settings::resolve(&Layers::default()).expect("defaults are valid")
}

#[test]
fn the_documented_example_is_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plimsoll.toml");
    let text = std::fs::read_to_string(path).expect("docs/plimsoll.toml");
    assert_eq!(
        text,
        Settings::example(),
        "write it anew: plimsoll config example > docs/plimsoll.toml"
    );

    let read = layers::read_text(&text).expect("it parses");
    for key in KEYS.iter().filter(|key| !key.is_secret()) {
        assert_eq!(read.get(key.path).map(String::as_str), Some(key.default), "{}", key.path);
    }
}

#[test]
fn every_default_is_written_as_its_value_is_shown() {
    for (key, (path, shown, origin)) in KEYS.iter().zip(defaults().rows()) {
        assert_eq!((key.path, key.default, &Origin::Default), (path, shown.as_str(), origin));
    }
}

#[test]
fn the_port_moves_all_listeners_and_dev_joins_them() {
    let mut settings = defaults();
    let over = Overrides { port: Some(9000), ..Overrides::default() };
    settings.apply(&over).expect("room");
    let listen = settings.server(false).expect("valid").listen;
    let ports = [listen.data, listen.control, listen.metrics].map(|address| address.port());
    assert_eq!(ports, [9000, 9001, 9002]);

    settings.apply(&Overrides { dev: true, ..over }).expect("loopback");
    let listen = settings.server(true).expect("valid").listen;
    let ports = [listen.data, listen.control, listen.metrics].map(|address| address.port());
    assert_eq!(ports, [9000; 3]);
    assert!(settings.server(false).is_err(), "three listeners on one address");
}

#[test]
fn dev_is_loopback_only() {
    let host = Some(IpAddr::from([0, 0, 0, 0]));
    let failure = defaults().apply(&Overrides { dev: true, host, port: None }).expect_err("open");
    assert_eq!(
        failure.to_string(),
        "`--dev` asks for no keys, so it listens on loopback only, not on `0.0.0.0:8080`"
    );
}

#[test]
fn the_last_ports_leave_no_room() {
    for (port, fits) in [(65533, true), (65534, false), (65535, false), (0, true)] {
        let over = Overrides { port: Some(port), ..Overrides::default() };
        assert_eq!(defaults().apply(&over).is_ok(), fits, "{port}");
    }
}

#[test]
fn a_public_address_takes_no_more_than_links_can_begin_with() {
    for (text, kept) in [
        ("https://plimsoll.example.org", Some("https://plimsoll.example.org")),
        ("https://plimsoll.example.org/", Some("https://plimsoll.example.org")),
        ("http://10.0.0.5:8081/risk/", Some("http://10.0.0.5:8081/risk")),
        ("https://plimsoll.example.org/?a=b", None),
        ("plimsoll.example.org", None),
        ("javascript:alert(1)", None),
    ] {
        assert_eq!(PublicUrl::parse(text).ok().map(|url| url.0).as_deref(), kept, "{text}");
    }
}

#[test]
fn keys_lie_apart_from_data() {
    for (data, keys, fits) in [
        ("a", "b", true),
        ("./a", "a", false),
        ("a", "./a/keys", false),
        ("/x/a", "/x/a-keys", true),
        ("/x/keys/data", "/x/keys", false),
    ] {
        assert_eq!(apart(Path::new(data), Path::new(keys)).is_ok(), fits, "{data} {keys}");
    }
}

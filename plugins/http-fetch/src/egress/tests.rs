//! What the policy lets through.

use ratchet_plugin_api::{Code, Error};
use reqwest::Url;

use super::Policy;
use crate::config::Egress;

fn policy(change: impl FnOnce(&mut Egress)) -> Policy {
    let mut egress = Egress::default();
    change(&mut egress);
    Policy::new(&egress).unwrap()
}

fn check(policy: &Policy, url: &str) -> Result<(), Error> {
    policy.check_url(&Url::parse(url).unwrap())
}

#[track_caller]
fn assert_denied(policy: &Policy, url: &str, rule: &str) {
    let error = check(policy, url).expect_err(url);
    assert_eq!(error.code, Code::Denied, "{url}: {error}");
    assert!(error.message.contains(rule), "{url}: `{error}` does not say `{rule}`");
}

#[test]
fn every_spelling_of_a_special_address_is_denied() {
    let policy = policy(|_| {});
    for (host, rule) in [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("2130706433", "loopback"),
        ("0x7f000001", "loopback"),
        ("0x7f.1", "loopback"),
        ("0177.0.0.1", "loopback"),
        ("127.1", "loopback"),
        ("127.0.0.1.", "loopback"),
        ("%31%32%37.0.0.1", "loopback"),
        ("127。0。0。1", "loopback"),
        ("0", "this host"),
        ("0.0.0.0", "this host"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared"),
        ("169.254.169.254", "link-local"),
        ("192.0.0.1", "protocol"),
        ("192.0.2.1", "documentation"),
        ("198.18.0.1", "benchmarking"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("[::]", "unspecified"),
        ("[::1]", "loopback"),
        ("[0:0:0:0:0:0:0:1]", "loopback"),
        ("[::127.0.0.1]", "unspecified"),
        ("[::ffff:127.0.0.1]", "loopback"),
        ("[::ffff:7f00:1]", "loopback"),
        ("[::ffff:0:127.0.0.1]", "loopback"),
        ("[64:ff9b::127.0.0.1]", "loopback"),
        ("[64:ff9b::a9fe:a9fe]", "link-local"),
        ("[64:ff9b:1::1]", "translation"),
        ("[2002:7f00:1::]", "loopback"),
        ("[2002:a00:1::1]", "private"),
        ("[2001::1]", "Teredo"),
        ("[2001:db8::1]", "documentation"),
        ("[3fff::1]", "documentation"),
        ("[fc00::1]", "unique-local"),
        ("[fdff::1]", "unique-local"),
        ("[fe80::1]", "link-local"),
        ("[fec0::1]", "site-local"),
        ("[ff02::1]", "multicast"),
        ("[100::1]", "discard"),
    ] {
        assert_denied(&policy, &format!("http://{host}/"), rule);
    }
}

#[test]
fn public_addresses_pass() {
    let policy = policy(|_| {});
    for host in [
        "example.com",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "[2606:4700::1]",
        "[::ffff:1.1.1.1]",
        "[64:ff9b::1.1.1.1]",
        "[2002:101:101::1]",
    ] {
        let url = format!("https://{host}/");
        assert!(check(&policy, &url).is_ok(), "{url} is public");
    }
}

#[test]
fn private_networks_open_as_a_whole_and_link_local_does_not() {
    let policy = policy(|egress| egress.allow_private = true);
    for host in ["10.0.0.1", "127.0.0.1", "[::1]", "[fd00::1]", "100.64.0.1", "[::ffff:10.0.0.1]"] {
        assert!(check(&policy, &format!("http://{host}/")).is_ok(), "{host}");
    }
    for host in ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[fe80::1]", "192.0.2.1"] {
        assert!(check(&policy, &format!("http://{host}/")).is_err(), "{host}");
    }
}

#[test]
fn a_range_opens_what_it_contains_in_every_spelling() {
    let policy = policy(|egress| egress.allow_ranges = vec!["127.0.0.0/8".into(), "::1".into()]);
    for host in ["127.0.0.1", "[::ffff:127.9.9.9]", "[::1]"] {
        assert!(check(&policy, &format!("http://{host}/")).is_ok(), "{host}");
    }
    assert_denied(&policy, "http://10.0.0.1/", "private");
}

#[test]
fn a_denied_range_wins_over_everything() {
    let policy = policy(|egress| {
        egress.allow_private = true;
        egress.allow_ranges = vec!["10.0.0.0/8".into()];
        egress.deny_ranges = vec!["10.9.0.0/16".into(), "1.1.1.0/24".into()];
    });
    assert!(check(&policy, "http://10.8.0.1/").is_ok());
    for host in ["10.9.0.1", "[::ffff:10.9.0.1]", "[64:ff9b::10.9.0.1]", "1.1.1.1"] {
        assert_denied(&policy, &format!("http://{host}/"), "http.egress.deny_ranges");
    }
}

#[test]
fn hosts_are_allowed_by_name_and_by_suffix() {
    let policy = policy(|egress| {
        egress.allow_hosts = vec!["api.example.com".into(), "*.Example.ORG".into()];
        egress.deny_hosts = vec!["secret.example.org".into()];
    });
    for host in ["api.example.com", "API.EXAMPLE.COM", "api.example.com.", "a.b.example.org"] {
        assert!(check(&policy, &format!("https://{host}/")).is_ok(), "{host}");
    }
    for host in ["example.com", "xapi.example.com", "example.org", "evilexample.org", "1.1.1.1"] {
        assert_denied(&policy, &format!("https://{host}/"), "http.egress.allow_hosts");
    }
    for host in ["secret.example.org", "SECRET.example.org."] {
        assert_denied(&policy, &format!("https://{host}/"), "http.egress.deny_hosts");
    }
}

#[test]
fn an_international_name_is_one_name_in_both_spellings() {
    let policy = policy(|egress| egress.deny_hosts = vec!["bücher.example".into()]);
    assert_denied(&policy, "http://xn--bcher-kva.example/", "deny_hosts");
    assert_denied(&policy, "http://BÜCHER.example/", "deny_hosts");
}

#[test]
fn an_allowed_host_does_not_open_a_closed_address() {
    let policy = policy(|egress| egress.allow_hosts = vec!["127.0.0.1".into(), "::1".into()]);
    assert_denied(&policy, "http://127.0.0.1/", "loopback");
    assert_denied(&policy, "http://[::1]/", "loopback");
}

#[test]
fn ports_are_allowed_by_number_with_the_scheme_s_own_as_default() {
    let policy = policy(|egress| egress.allow_ports = vec![443, 8443]);
    assert!(check(&policy, "https://example.com/").is_ok());
    assert!(check(&policy, "https://example.com:8443/").is_ok());
    assert_denied(&policy, "http://example.com/", "port 80");
    assert_denied(&policy, "https://example.com:22/", "port 22");
}

#[test]
fn a_rule_that_cannot_be_read_is_named() {
    for (change, wanted) in [
        (
            Egress { allow_ranges: vec!["::1".into(), "10.0.0.0/99".into()], ..Egress::default() },
            "http.egress.allow_ranges[1] is `10.0.0.0/99`",
        ),
        (
            Egress { deny_ranges: vec!["10.1.2.3/8".into()], ..Egress::default() },
            "`10.0.0.0/8` would be right",
        ),
        (
            Egress { allow_hosts: vec!["*".into()], ..Egress::default() },
            "http.egress.allow_hosts[0] is `*`",
        ),
        (
            Egress { deny_hosts: vec!["https://a.example/".into()], ..Egress::default() },
            "http.egress.deny_hosts[0]",
        ),
        (Egress { deny_hosts: vec!["*.10.0.0.1".into()], ..Egress::default() }, "`*.` and a name"),
    ] {
        let error = Policy::new(&change).unwrap_err();
        assert_eq!(error.code, Code::Configuration);
        assert!(error.message.contains(wanted), "{error}");
    }
}

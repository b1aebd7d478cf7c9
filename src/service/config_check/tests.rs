use super::*;

const GOOD: &str = r#"
    [[tserver]]
    name = "ts1"
    primary = "127.0.0.1:7000"
    backup = "[::1]:7001"
    [[dn]]
    name = "CommDN_1"
    tserver = "ts1"
    [[ocs]]
    dbid = 301
    name = "OCS_A"
    dns = ["CommDN_1"]
    [origin]
    pool = [201, 202, 203, 204, 205, 206, 207, 208]
    [[campaign]]
    dbid = 101
    name = "Renewals"
    ocs = 301
    [[group]]
    dbid = 732
    name = "Team A"
    [[pair]]
    campaign = 101
    group = 732
    mode = "predict"
    optimize_by = "busy_factor"
    goal = 80
"#;

fn findings(from: &str, to: &str) -> Vec<(Severity, String)> {
    assert!(GOOD.contains(from), "{from}");
    let config: Config = toml::from_str(&GOOD.replace(from, to)).unwrap();
    config.check().into_iter().map(|finding| (finding.severity, finding.path)).collect()
}

#[test]
fn a_good_configuration_has_no_findings() {
    assert_eq!(findings("732", "732"), []);
}

#[test]
fn each_mistake_is_found_at_its_place() {
    let table = [
        ("tserver = \"ts1\"", "tserver = \"ts2\"", "dn[0].tserver"),
        ("dns = [\"CommDN_1\"]", "dns = [\"CommDN_2\"]", "ocs[0].dns[0]"),
        ("ocs = 301", "ocs = 302", "campaign[0].ocs"),
        ("campaign = 101", "campaign = 102", "pair[0].campaign"),
        ("group = 732", "group = 733", "pair[0].group"),
        ("127.0.0.1:7000", "127.0.0.1", "tserver[0].primary"),
        ("127.0.0.1:7000", "127.0.0.1:0", "tserver[0].primary"),
        ("127.0.0.1:7000", "host:70000", "tserver[0].primary"),
        ("[::1]:7001", "::1:7001", "tserver[0].backup"),
        ("pool = [201, 202, 203, 204, 205, 206, 207, 208]", "pool = []", "origin.pool"),
        ("207, 208", "207, 207", "origin.pool[7]"),
        ("207, 208", "207, 301", "origin.pool[7]"),
        ("mode = \"predict\"", "mode = \"fast\"", "pair[0].mode"),
        ("mode = \"predict\"", "mode = \"none\"", "pair[0].mode"),
        ("optimize_by = \"busy_factor\"", "optimize_by = \"luck\"", "pair[0].optimize_by"),
        ("127.0.0.1:7000", "tserver.example:7000", "tserver[0].primary"),
        ("[::1]:7001", "10.0.0.2:7001", "tserver[0].backup"),
        ("name = \"ts1\"", "name = \"ts1\"\ntls = { ca = \"ca.pem\", cert = \"a.pem\" }", "tserver[0].tls.cert"),
        ("goal = 80", "goal = 101", "pair[0].goal"),
        ("dbid = 732", "dbid = 0", "group[0].dbid"),
        ("name = \"ts1\"", "name = \"ts1\"\ndialect = { list_prefix = \"len8\" }", "tserver[0].dialect.list_prefix"),
        ("[origin]", "[http]\naddr = \"8080\"\n[origin]", "http.addr"),
        ("[origin]", "[auth]\nmode = \"some\"\n[origin]", "auth.mode"),
        ("[origin]", "[auth]\njwks_file = \"k\"\naudience = \"a\"\n[origin]", "auth.issuer"),
        ("[origin]", "[auth]\nalgorithms = [\"HS256\"]\n[origin]", "auth.algorithms[0]"),
        ("[origin]", "[[auth.client]]\nname = \"a\"\nsha256 = \"\"\nscopes = []\n[origin]", "auth.client[0].sha256"),
        ("[origin]", "[sim]\naddr = \"0.0.0.0:7000\"\n[origin]", "sim.addr"),
        ("[origin]", "[telemetry]\nlog = \"a=b=c\"\n[origin]", "telemetry.log"),
        ("[origin]", "[gateway]\nauto_completion_place = \"below\"\n[origin]", "gateway.auto_completion_place"),
        ("[origin]", "[[ocs]]\ndbid = 301\nname = \"B\"\n[origin]", "ocs[1].dbid"),
        ("[origin]", "[[application]]\ndbid = 301\nname = \"A\"\n[origin]", "application[0].dbid"),
        ("[origin]", "[[application]]\ndbid = 9\nname = \"A\"\ndns = [\"X\"]\n[origin]", "application[0].dns[0]"),
        (
            "[origin]",
            "[[application]]\ndbid = 9\nname = \"A\"\naddresses = [\"10.0.0.0/33\"]\n[origin]",
            "application[0].addresses[0]",
        ),
        (
            "[origin]",
            "[[application]]\ndbid = 9\nname = \"A\"\nrequests = [\"dnc\"]\n[origin]",
            "application[0].requests[0]",
        ),
        ("[origin]", "[gateway]\nlisten_tserver = \"0.0.0.0:7001\"\n[origin]", "gateway.listen_tserver"),
        (
            "[origin]",
            "[gateway]\nlisten_tserver = \"0.0.0.0:7001\"\nlisten_plaintext = true\n[[application]]\ndbid = 9\nname = \"A\"\n[origin]",
            "application[0].addresses",
        ),
        ("[origin]", "[[ocs]]\ndbid = 302\nname = \"OCS_A\"\n[origin]", "ocs[1].name"),
    ];
    for (from, to, path) in table {
        let found = findings(from, to);
        assert!(found.contains(&(Severity::Error, path.to_owned())), "{to}: {found:?}");
    }
}

#[test]
fn a_tserver_elsewhere_is_dialed_with_tls_or_an_explicit_word() {
    let elsewhere = |more: &str| {
        findings(
            "name = \"ts1\"\n    primary = \"127.0.0.1:7000\"",
            &format!("name = \"ts1\"\nprimary = \"10.0.0.1:7000\"\n{more}"),
        )
    };
    assert_eq!(elsewhere(""), [(Severity::Error, "tserver[0].primary".to_owned())]);
    assert_eq!(elsewhere("plaintext = true"), []);
    assert_eq!(elsewhere("tls = { ca = \"ca.pem\" }"), []);
}

#[test]
fn what_runs_all_the_same_is_a_warning() {
    assert_eq!(findings(", 208]", "]"), [(Severity::Warning, "origin.pool".to_owned())]);
    assert_eq!(findings("goal = 80", ""), [(Severity::Warning, "pair[0].mode".to_owned())]);
    assert_eq!(findings("mode = \"predict\"", "mode = \"power\""), [(Severity::Warning, "pair[0].mode".to_owned())]);
}

#[test]
fn the_empty_configuration_lacks_origins() {
    let errors = Config::default().check().into_iter().filter(|finding| finding.severity == Severity::Error);
    assert_eq!(errors.map(|finding| finding.path).collect::<Vec<_>>(), ["origin.pool"]);
}

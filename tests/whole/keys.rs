//! Keys and start-up as an operator meets them: the program, its folder, its exit codes.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{GUARD, command, listening};

fn run(words: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = command(words);
    command.envs(variables.iter().copied());
    let output = assert_cmd::Command::from_std(command).timeout(GUARD).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_first_key_is_made_offline_and_opens_the_door() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data").display().to_string();
    let create = ["key", "create", "--data", &data, "--name", "crm"];
    let (code, stdout, stderr) = run(&[&create[..], &["--scope", "dnc:add", "--expires", "30d"]].concat(), &[]);
    assert_eq!(code, 0, "{stderr}");
    let crm = stdout.trim().to_owned();
    assert!(crm.starts_with("cdn_") && stderr.contains("not shown again") && !stderr.contains(&crm), "{stderr}");
    let (_, stdout, _) = run(&[&create[..], &["--scope", "*", "--json"]].concat(), &[]);
    let everything: Value = serde_json::from_str(&stdout).unwrap();
    let token_file = folder.path().join("token");
    fs::write(&token_file, everything["token"].as_str().unwrap()).unwrap();
    let at_file = format!("@{}", token_file.display());
    for wrong in [&["--scope", "dnc:remove"][..], &["--scope", "dnc:add", "--expires", "yesterday"]] {
        assert_eq!(run(&[&create[..], wrong].concat(), &[]).0, 2, "{wrong:?}");
    }

    let tokens = [("COMMDN_AUTH__MODE", "tokens")];
    let mut demo = listening(&["demo", "--http", "127.0.0.1:0", "--data", &data], &tokens);
    assert_eq!(run(&["key", "list", "--data", &data], &[]).0, 9, "a store in use is refused");
    demo.ends(7, &["campaign", "list"]);
    demo.ends(7, &["campaign", "list", "--token", "nonsense"]);
    let refused = demo.ends(7, &["campaign", "list", "--token", &crm]);
    assert!(refused["message"].as_str().unwrap().contains("campaign:read"), "{refused}");
    assert_eq!(demo.ends(0, &["dnc", "add", "+420777888777", "--token", &crm])["outcome"], "answered");
    demo.ends(0, &["campaign", "list", "--token", &at_file]);
    let keys = demo.ends(0, &["key", "list", "--token", &at_file]);
    assert_eq!(keys["items"].as_array().unwrap().len(), 2);
    assert!(keys["items"][0]["token"].is_null() && !keys.to_string().contains(&crm));
    let id = crm.split('_').nth(1).unwrap();
    demo.ends(0, &["key", "revoke", id, "--token", &at_file]);
    demo.ends(8, &["key", "revoke", "0", "--token", &at_file]);
    demo.ends(7, &["dnc", "add", "+420777888778", "--token", &crm]);
    let made = demo.ends(0, &["key", "create", "--name", "x", "--scope", "sim:control", "--token", &at_file]);
    assert_eq!(made["scopes"], json!(["sim:control"]));
    let audit = demo.ends(0, &["audit", "list", "--action", "dnc:add", "--token", &at_file]);
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "a key that is revoked is nobody: {audit}");
    assert_eq!(demo.ends(0, &["audit", "verify", "--token", &at_file])["whole"], true);
    assert_eq!(demo.program.terminate(), Some(0));

    let (code, stdout, _) = run(&["key", "list", "--data", &data, "--json"], &[]);
    assert_eq!(code, 0);
    let keys: Value = serde_json::from_str(&stdout).unwrap();
    let states: Vec<_> = keys["items"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["revoked", "active", "active"], "what was revoked stays so");
    let (code, stdout, stderr) = run(&["audit", "verify", "--data", &data], &[]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("nothing is wrong"), "{stdout}");
}

#[test]
fn beyond_loopback_nothing_is_served_without_tokens_and_encryption() {
    let serve = |words: &[&str], variables: &[(&str, &str)]| {
        let (code, stdout, stderr) = run(&[&["serve", "--json"], words].concat(), variables);
        assert_eq!((code, stdout.as_str()), (2, ""), "{words:?} {variables:?}: {stderr}");
        stderr
    };
    let tokens = ("COMMDN_AUTH__MODE", "tokens");
    let plain = ("COMMDN_HTTP__INSECURE_PLAINTEXT", "true");
    for addr in ["0.0.0.0:0", "[::]:0"] {
        assert!(serve(&["--http", addr], &[]).contains("auth.mode is none"));
        assert!(serve(&["--http", addr, "--insecure-plaintext"], &[]).contains("auth.mode is none"));
        assert!(serve(&["--http", addr], &[plain]).contains("auth.mode is none"));
        assert!(serve(&["--http", addr], &[tokens]).contains("[http.tls] is not set"));
    }
    assert!(serve(&["--http", "127.0.0.1:0"], &[("COMMDN_AUTH__MODE", "some")]).contains("auth.mode"));
}

#[test]
fn a_running_gateway_makes_a_copy_of_its_store() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data").display().to_string();
    let copy = folder.path().join("copy.sqlite").display().to_string();
    let mut demo = listening(&["demo", "--http", "127.0.0.1:0", "--data", &data], &[]);
    demo.ends(0, &["dnc", "add", "+420777888777"]);
    let (code, _, stderr) = run(&["store", "backup", "--data", &data, &copy], &[]);
    assert!(code == 9 && stderr.contains("leave --data out"), "{stderr}");
    let told = demo.ends(0, &["store", "backup", &copy]);
    assert_eq!((&told["ok"], &told["counts"]["dnc"]), (&json!(true), &json!(1)), "{told}");
    demo.ends(2, &["store", "backup", &copy]);
    demo.ends(0, &["dnc", "add", "+420777888778"]);
    let audit = demo.ends(0, &["audit", "list", "--action", "admin numbers:show"]);
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit}");
    let left: Vec<_> = fs::read_dir(&data).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("commdn.")), "{left:?}");
    assert_eq!(demo.program.terminate(), Some(0));
    let other = folder.path().join("other").display().to_string();
    assert_eq!(run(&["store", "restore", "--data", &other, &copy], &[]).0, 0);
    let (code, found, _) = run(&["dnc", "find", "+420777888777", "--data", &other, "--json"], &[]);
    assert!(code == 0 && found.contains("confirmed_at"), "{found}");
    assert_eq!(run(&["dnc", "find", "+420777888778", "--data", &other], &[]).0, 8, "asked for after the copy");
}

//! `signing_key` and `issuer` in `tenant.toml`.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::http::Request;
use crate::tenants::{CONFIG, REALM_GRANT, Tenant, claims, database_user, text};

crate::tests![a_fixed_key_and_issuer, a_fixed_key_is_not_rotated, every_wrong_key_is_named];

/// An RSA key, which the tenant itself has made.
fn make_key(file: &Path) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tenant = Tenant::within(folder.path(), CONFIG, &[]);
    let made = std::fs::read_to_string(tenant.running.state.join("signing-key.pem")).expect("a key");
    write_secret(file, &made);
}

fn write_secret(file: &Path, text: &str) {
    std::fs::write(file, text).expect("a file");
    set_mode(file, 0o600);
}

fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

fn a_fixed_key_and_issuer() {
    let key = tempfile::tempdir().expect("a temporary folder");
    make_key(&key.path().join("key.pem"));
    let config = format!("issuer = \"https://tenant.test/\"\nsigning_key = \"key.pem\"\n{CONFIG}");
    let config = config + &database_user("ada", "ada@example.com");
    let tenants = [(); 2].map(|()| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy(key.path().join("key.pem"), folder.path().join("key.pem")).expect("a copy");
        (Tenant::within(folder.path(), &config, &[]), folder)
    });
    let [one, other] = tenants.each_ref().map(|(tenant, _)| tenant);
    let keys = |tenant: &Tenant| tenant.send(&Request::get("/.well-known/jwks.json")).json();
    assert_eq!(keys(one), keys(other), "two state folders, one key");
    assert_eq!(keys(one)["keys"].as_array().expect("keys").len(), 1);

    let discovered = one.send(&Request::get("/.well-known/openid-configuration")).json();
    assert_eq!(discovered["issuer"], "https://tenant.test/");
    let endpoint = text(&discovered["token_endpoint"]);
    assert!(endpoint.starts_with(one.http()), "endpoints are where the tenant listens: {endpoint}");

    let audience = "https://tenant.test/api/v2/";
    let asked = [
        ("grant_type", REALM_GRANT),
        ("realm", crate::tenants::DATABASE),
        ("username", "ada@example.com"),
        ("password", crate::tenants::PASSWORD),
        ("audience", audience),
        ("scope", "openid profile read:current_user"),
    ];
    let tokens = one.token("web", &asked).json();
    assert_eq!(claims(&tokens["id_token"])["iss"], "https://tenant.test/");
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["iss"], "https://tenant.test/");
    assert_eq!(access["aud"], json!([audience, "https://tenant.test/userinfo"]));
    // Each accepts the tokens of the other, at any of its names.
    let token = text(&tokens["access_token"]);
    for request in [Request::get("/userinfo"), Request::get("/api/v2/users/auth0%7Cada")] {
        let response = other.send(&request.bearer(&token));
        assert_eq!(response.status, 200, "{}", response.text());
    }
    let of_host = claims(&json!(one.client_token("web")));
    assert_eq!((&of_host["iss"], &of_host["aud"]), (&json!("https://tenant.test/"), &json!(one.audience())));
    // The name in tokens is no host to be asked at.
    let response = one.send(&Request::get("/userinfo").header("host", "tenant.test"));
    assert_eq!(response.status, 421);
}

fn a_fixed_key_is_not_rotated() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_key(&folder.path().join("key.pem"));
    let config = format!("signing_key = \"key.pem\"\n{CONFIG}");
    let tenant = Tenant::within(folder.path(), &config, &[]);
    let rotate = Request::post("/api/v2/keys/signing/rotate").bearer(&tenant.client_token("web"));
    let response = tenant.send(&rotate);
    assert_eq!(response.status, 400, "{}", response.text());
    assert!(text(&response.json()["message"]).contains("fixed signing key"));
    drop(tenant);
    let (code, error) = refused_start(folder.path(), &config, &["--rotate-key"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("`signing_key` of the configuration names, and is not rotated"), "{error}");
}

fn refused_start(folder: &Path, config: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = folder.join("tenant.toml");
    std::fs::write(&file, config).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
    command.args(["serve", "--port", "0", "--tls-port", "0", "--config"]).arg(&file).args(more);
    let ended = command.env("LIGATURE_STATE", folder.join("state")).output().expect("it runs");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn every_wrong_key_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("key.pem");
    let config = format!("signing_key = \"key.pem\"\n{CONFIG}");
    let refusal = || {
        let (code, error) = refused_start(folder.path(), &config, &[]);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(&format!("signing_key {}: ", file.display())), "{error}");
        assert!(
            !error.contains("MIIEv") && !error.contains("c2VjcmV0"),
            "nothing of the key is shown: {error}"
        );
        error
    };
    assert!(refusal().contains("no such file"), "{}", refusal());
    let pem = |tag: &str| format!("-----BEGIN {tag}-----\nc2VjcmV0\n-----END {tag}-----\n");
    for (text, words) in [
        ("hunter2".to_owned(), "this is not PEM"),
        (pem("RSA PRIVATE KEY"), "in PKCS #1"),
        (pem("ENCRYPTED PRIVATE KEY"), "encrypted with a passphrase"),
        (pem("PUBLIC KEY"), "this is a public key"),
        (pem("CERTIFICATE"), "this is a certificate"),
        (pem("EC PRIVATE KEY"), "no private key of RSA"),
        (pem("PRIVATE KEY"), "this is not a valid RSA key"),
        ("x".repeat(70_000), "longer than 64 KiB"),
        (WEAK.to_owned(), "less than 2048 bits"),
    ] {
        write_secret(&file, &text);
        assert!(refusal().contains(words), "{words}: {}", refusal());
    }
    make_key(&file);
    set_mode(&file, 0o644);
    assert!(refusal().contains("chmod 600"), "{}", refusal());
}

/// A key of 1024 bits, of nobody.
const WEAK: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAM26G+QaADgCeNo/\n\
H37uT6XCy2TXDiVLGXdwD9n5mJURF2on3/mNMEqSrtd2F5Et2sky6hBZEHPTqiWx\n\
KywD1eT3WcsjZgoYnrGI1EwotlCTx1UhqPEaVj8t5WKcQNyr1RuFkETbtqUuMsB4\n\
WAIJet9ZpUQdE5hwwzfld+sfmLlBAgMBAAECgYAbNOCZYuLihVksK6rjo2p/FmrF\n\
lDc3sV3V0MkX341RMWhyToGtRAG96vYaYnCtb23+q7AOp2iomLZos6xs7rjriRTT\n\
/SLedMVCtaV2C5zY4cACXYBt4JVXOcIw2vqHigjsANwqrf2DPtQ96rLNeI5HRIYl\n\
9ELsr5l0Y4ybFb4JXQJBAO+3B3sUIjQeuouttvYD1S1xOJDeVFGakSWndKFEYij/\n\
Q2tpkk4uJpGxunUVp3sr7UJuRVjm5zrZh/BVn3/vegMCQQDbs/uDfbjC+73WPrlR\n\
69vDLOdTAWSaj1IFPxA9G+QXIO1Jb3Yk9yJqTkGe7d86GtjXlEKK2KFsFIRNIDWE\n\
/D5rAkASbmE93mNu3Hn9aWLq8Yp/jvgJc37KM3c7jO+Twr1FZ7MYXCqqpjPC+gZb\n\
IEobV1pLxEzCtCZNSRKBsSOtY41fAkEA0lK7vcZWYPsEYhyL5pvnNzI+hVz5BWmc\n\
uH8FuaqAsY+I+Vsl+/9GSASAl3fa0lIvMjmxdiAqcEA342mpMpUT3wJBALELC/cx\n\
yizNJCWdvEgeenKA7HSI682ADwiU1I6f4/m6dOq38xHIOswmMWC90Zrm8Yexvsf5\n\
IdCjqRZs20MZjdM=\n\
-----END PRIVATE KEY-----\n\
";

//! Tokens that prove a second account, and until when they do.

use serde_json::{Value, json};

use super::{patch, path, reset, tenant_with};
use crate::http::{Request, Response};
use crate::tenants::{PASSWORD, Tenant, claims, database_user, text};

crate::tests![
    a_token_links_once,
    a_token_from_before_the_unlink_links_no_more,
    a_token_from_before_the_reset_links_no_more,
    a_token_of_the_same_second_is_told_apart,
    a_token_of_an_identity_that_left_opens_nothing,
    a_token_of_the_account_that_stays_proves_nothing_after_an_unlink,
    a_token_of_an_account_that_its_owner_must_not_join,
];

/// Ada's own token and a proof of a second account of hers.
pub(super) fn proof(tenant: &Tenant, email: &str) -> Value {
    json!({ "link_with": tenant.password_tokens("web", email, "openid")["id_token"] })
}

pub(super) fn as_ada(tenant: &Tenant, method: &str, target: &str, body: Option<&Value>) -> Response {
    let scope = "openid read:current_user update:current_user_identities";
    let own = text(&tenant.password_tokens("web", "ada@example.com", scope)["access_token"]);
    let request = Request::new(method, format!("{}/identities{target}", path("auth0|ada"))).bearer(&own);
    tenant.send(&body.map_or(request.clone(), |body| request.json(body)))
}

pub(super) fn two() -> Tenant {
    tenant_with(&(database_user("ada", "ada@example.com") + &database_user("two", "two@example.com")), &[])
}

fn assert_not_linked(response: &Response) {
    let said = response.json();
    assert_eq!((response.status, said["errorCode"].as_str()), (400, Some("invalid_link_with")), "{said}");
}

fn a_token_links_once() {
    let tenant = two();
    let proof = proof(&tenant, "two@example.com");
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof)).status, 201);
    assert_eq!(as_ada(&tenant, "DELETE", "/auth0/two", None).status, 200);
    assert_not_linked(&as_ada(&tenant, "POST", "", Some(&proof)));
    // A link that was not made leaves the token good.
    let proof = self::proof(&tenant, "ada@example.com");
    for _ in 0..2 {
        let same = as_ada(&tenant, "POST", "", Some(&proof));
        assert_eq!(same.json()["message"], "Main identity and the new one are the same.");
    }
}

fn a_token_from_before_the_unlink_links_no_more() {
    let tenant = two();
    let (first, other) = (proof(&tenant, "two@example.com"), proof(&tenant, "two@example.com"));
    assert_eq!(as_ada(&tenant, "POST", "", Some(&first)).status, 201);
    assert_eq!(as_ada(&tenant, "DELETE", "/auth0/two", None).status, 200);
    assert_not_linked(&as_ada(&tenant, "POST", "", Some(&other)));
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof(&tenant, "two@example.com"))).status, 201);
}

fn a_token_from_before_the_reset_links_no_more() {
    let tenant = two();
    let old = proof(&tenant, "two@example.com");
    reset(&tenant, "two@example.com", "another password").expect("a mail");
    assert_not_linked(&as_ada(&tenant, "POST", "", Some(&old)));
}

/// `iat` is the same for both.
fn a_token_of_the_same_second_is_told_apart() {
    let tenant = two();
    let profile = |tokens: &Value| {
        let own = text(&tokens["access_token"]);
        let targets = [path("auth0|two"), "/userinfo".to_owned()];
        targets.map(|target| tenant.send(&Request::get(target).bearer(&own)).status)
    };
    let tokens_of = |email: &str| tenant.password_tokens("web", email, "openid read:current_user");
    for n in 0..20 {
        let before = tokens_of("two@example.com");
        assert_eq!(patch(&tenant, "auth0|two", &json!({ "password": PASSWORD })).status, 200);
        let after = tokens_of("two@example.com");
        assert_eq!((profile(&before), profile(&after)), ([401, 401], [200, 200]), "{n}");
        let old = json!({ "link_with": before["id_token"] });
        assert_not_linked(&as_ada(&tenant, "POST", "", Some(&old)));
    }
}

/// The owner of the second account got tokens of the first one by it.
fn a_token_of_an_identity_that_left_opens_nothing() {
    let tenant = two();
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof(&tenant, "two@example.com"))).status, 201);
    let scope = "openid read:current_user update:current_user_identities";
    let by_second = tenant.password_tokens("web", "two@example.com", scope);
    assert_eq!(claims(&by_second["id_token"])["sub"], "auth0|ada");
    let own = text(&by_second["access_token"]);
    let profiles = || {
        let targets = [path("auth0|ada"), "/userinfo".to_owned()];
        targets.map(|target| tenant.send(&Request::get(target).bearer(&own)).status)
    };
    assert_eq!(profiles(), [200, 200]);
    assert_eq!(as_ada(&tenant, "DELETE", "/auth0/two", None).status, 200);
    assert_eq!(profiles(), [401, 401]);
    let back = proof(&tenant, "two@example.com");
    let link = Request::post(format!("{}/identities", path("auth0|ada"))).json(&back);
    assert_eq!(tenant.send(&link.bearer(&own)).status, 401);
}

fn a_token_of_the_account_that_stays_proves_nothing_after_an_unlink() {
    let users = ["ada", "two", "eve"].map(|id| database_user(id, &format!("{id}@example.com")));
    let tenant = tenant_with(&users.concat(), &[]);
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof(&tenant, "two@example.com"))).status, 201);
    let (by_second, by_first) = (proof(&tenant, "two@example.com"), proof(&tenant, "ada@example.com"));
    assert_eq!(as_ada(&tenant, "DELETE", "/auth0/two", None).status, 200);
    let scope = "openid update:current_user_identities";
    let eve = text(&tenant.password_tokens("web", "eve@example.com", scope)["access_token"]);
    for old in [by_second, by_first] {
        let link = Request::post(format!("{}/identities", path("auth0|eve"))).json(&old);
        assert_not_linked(&tenant.send(&link.bearer(&eve)));
    }
}

/// Accounts with power and second factors are protected as on the account page, and the token is good
/// afterwards. As at Auth0, an address need not be verified.
fn a_token_of_an_account_that_its_owner_must_not_join() {
    let root = database_user("root", "root@example.com") + "app_metadata = { roles = [\"admin\"] }\n";
    let odd =
        database_user("odd", "odd@example.com").replace("email_verified = true", "email_verified = false");
    let mfa = database_user("mfa", "mfa@example.com") + "multifactor = [\"otp\"]\n";
    let users =
        [database_user("ada", "ada@example.com"), database_user("two", "two@example.com"), root, odd, mfa];
    let tenant = tenant_with(&users.concat(), &[]);
    let refused = as_ada(&tenant, "POST", "", Some(&proof(&tenant, "root@example.com")));
    let words = "auth0|root is a privileged account; ask support";
    assert_eq!((refused.status, refused.json()["message"].clone()), (400, json!(words)));
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof(&tenant, "odd@example.com"))).status, 201);
    // The token is of a login without the account's second factor.
    let claims = crate::tokens::id_claims(&tenant, "auth0|mfa");
    let without = json!({ "link_with": crate::tokens::Forger::of(&tenant).sign(&claims) });
    assert_not_linked(&as_ada(&tenant, "POST", "", Some(&without)));
    let scope = "openid update:current_user_identities";
    let root = text(&tenant.password_tokens("web", "root@example.com", scope)["access_token"]);
    let proof = proof(&tenant, "two@example.com");
    let link = Request::post(format!("{}/identities", path("auth0|root"))).json(&proof).bearer(&root);
    assert_eq!(tenant.send(&link).status, 400, "an owner with special rights");
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof)).status, 201);
}

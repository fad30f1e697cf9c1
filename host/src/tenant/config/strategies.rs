//! The strategies (identity providers) that Auth0 supports.

/// The enterprise strategies that a connection can have.
pub(super) const ENTERPRISE: [&str; 12] = [
    "ad",
    "adfs",
    "custom",
    "google-apps",
    "ip",
    "office365",
    "oidc",
    "okta",
    "pingfederate",
    "samlp",
    "sharepoint",
    "waad",
];

const SOCIAL: [&str; 40] = [
    "amazon",
    "apple",
    "dropbox",
    "bitbucket",
    "auth0-oidc",
    "baidu",
    "bitly",
    "box",
    "daccount",
    "dwolla",
    "evernote-sandbox",
    "evernote",
    "exact",
    "facebook",
    "fitbit",
    "github",
    "google-oauth2",
    "instagram",
    "line",
    "linkedin",
    "oauth1",
    "oauth2",
    "paypal",
    "paypal-sandbox",
    "planningcenter",
    "salesforce-community",
    "salesforce-sandbox",
    "salesforce",
    "shopify",
    "shop",
    "soundcloud",
    "thirtysevensignals",
    "twitter",
    "untappd",
    "vkontakte",
    "weibo",
    "windowslive",
    "wordpress",
    "yahoo",
    "yandex",
];

/// Iterates over all strategies that Auth0 supports.
///
/// Source: Auth0's Management API, `provider` of `POST /api/v2/users/{id}/identities`.
pub(in crate::tenant) fn strategies() -> impl Iterator<Item = &'static str> {
    ["auth0", "email", "sms"].into_iter().chain(ENTERPRISE).chain(SOCIAL)
}

/// Returns whether Auth0 supports this strategy.
pub(in crate::tenant) fn is_strategy(name: &str) -> bool {
    strategies().any(|it| it == name)
}

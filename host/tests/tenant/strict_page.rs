//! The rules that every page of every service keeps: no inline script and style, and a policy that
//! allows none. The client of the suites applies them to each page that it gets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Response;

/// The path of the script of the only page that other pages may frame.
const MESSAGE_SCRIPT: &str = "/u/message.js?";

/// A tag of a page, with the text up to the next one.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// Asserts that a response is no page, or a strict one.
pub(crate) fn assert_strict(name: &str, page: &Response) {
    let is_page = page.header("content-type").is_some_and(|it| it.starts_with("text/html"));
    if !is_page || page.body.is_empty() {
        return;
    }
    let tags = read_tags(&page.text());
    let policy = read_policy(name, page);
    let scripts: Vec<&Tag> = tags.iter().filter(|tag| tag.name == "script").collect();
    for tag in &tags {
        assert_harmless(name, tag);
    }
    assert_eq!(policy.get("script-src"), (!scripts.is_empty()).then_some(&"'self'"), "{name}: {policy:?}");
    let is_message =
        scripts.iter().any(|tag| tag.attribute("src").is_some_and(|src| src.starts_with(MESSAGE_SCRIPT)));
    assert_unframed(name, page, (policy["frame-ancestors"], is_message));
    assert_known_styles(name, &tags, policy.get("style-src").copied().unwrap_or_default());
    for (directive, value) in &policy {
        let is_known = match *directive {
            "default-src" | "base-uri" => *value == "'none'",
            "form-action" => ["'none'", "'self'"].contains(value),
            "connect-src" => *value == "'self'",
            "img-src" => *value == "data:",
            "script-src" | "style-src" | "frame-ancestors" => true,
            _ => false,
        };
        assert!(is_known, "{name}: {directive} {value}");
    }
    for directive in ["default-src", "base-uri"] {
        assert!(policy.contains_key(directive), "{name}: {directive}");
    }
    // Chromium applies the directive to the redirect after a form, which leads to the application.
    let has_form = tags.iter().any(|tag| tag.name == "form");
    assert!(has_form || policy.contains_key("form-action"), "{name}: {policy:?}");
}

/// Asserts that a tag runs no text of its own.
fn assert_harmless(name: &str, tag: &Tag) {
    for (attribute, value) in &tag.attributes {
        let is_handler = attribute.starts_with("on");
        let is_inline = ["style", "nonce", "srcdoc"].contains(&attribute.as_str());
        assert!(!is_handler && !is_inline, "{name}: <{} {attribute}={value:?}>", tag.name);
        let leads = ["href", "src", "action", "formaction"].contains(&attribute.as_str());
        let value = value.trim().to_lowercase();
        let is_script = leads && ["javascript:", "vbscript:"].iter().any(|it| value.starts_with(it));
        assert!(!is_script, "{name}: {attribute}={value}");
    }
    if tag.name == "script" {
        assert!(tag.attribute("src").is_some_and(|src| !src.is_empty()), "{name}: a script without src");
        assert_eq!(tag.text.trim(), "", "{name}: an inline script");
    }
    let is_foreign = ["iframe", "object", "embed", "base", "link"].contains(&tag.name.as_str());
    assert!(!is_foreign, "{name}: <{}>", tag.name);
}

fn assert_unframed(name: &str, page: &Response, (ancestors, is_message): (&str, bool)) {
    if is_message {
        let origin = url::Url::parse(ancestors).map(|url| url.origin().ascii_serialization());
        assert_eq!(origin.as_deref(), Ok(ancestors), "{name}: one origin");
    } else {
        assert_eq!(ancestors, "'none'", "{name}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{name}");
    }
}

/// Asserts that the policy names each style by its hash, and allows no style by other means.
fn assert_known_styles(name: &str, tags: &[Tag], allowed: &str) {
    let allowed: Vec<&str> = allowed.split(' ').filter(|it| !it.is_empty()).collect();
    assert!(allowed.iter().all(|it| it.starts_with("'sha256-")), "{name}: {allowed:?}");
    for style in tags.iter().filter(|tag| tag.name == "style") {
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(&style.text)));
        assert!(allowed.contains(&hash.as_str()), "{name}: {hash} is not in {allowed:?}");
    }
}

fn read_policy<'p>(name: &str, page: &'p Response) -> BTreeMap<&'p str, &'p str> {
    let policies: Vec<&str> = page
        .headers
        .iter()
        .filter(|(it, _)| it == "content-security-policy")
        .map(|(_, value)| value.as_str())
        .collect();
    let [policy] = policies[..] else { panic!("{name}: {} policies", policies.len()) };
    let mut directives = BTreeMap::new();
    for directive in policy.split("; ") {
        let (key, value) = directive.split_once(' ').unwrap_or((directive, ""));
        assert_eq!(directives.insert(key, value), None, "{name}: {key} is there twice");
    }
    directives
}

/// Reads the tags of a page. Attributes have quotes, as the templates write them.
fn read_tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut parts = page.split('<');
    let _ = parts.next();
    for part in parts {
        let end = part.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(part.len());
        let (name, mut rest) = part.split_at(end);
        if name.is_empty() {
            continue;
        }
        let mut attributes = Vec::new();
        while let Some(start) = rest.find(|it: char| !it.is_whitespace() && it != '/') {
            rest = &rest[start..];
            if rest.starts_with('>') {
                break;
            }
            let end = rest.find(|it: char| it.is_whitespace() || "=>".contains(it)).unwrap_or(rest.len());
            let (attribute, after) = rest.split_at(end);
            let (value, after) = match after.strip_prefix("=\"") {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => ("", after.strip_prefix('=').unwrap_or(after)),
            };
            attributes.push((attribute.to_lowercase(), value.to_owned()));
            rest = after;
        }
        let text = rest.strip_prefix('>').unwrap_or(rest).to_owned();
        tags.push(Tag { name: name.to_lowercase(), attributes, text });
    }
    tags
}

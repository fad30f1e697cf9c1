//! The page that says which endpoints of Auth0 this tenant has: `docs/supported.md`.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Operation, PathItem};

use crate::tenant::management::{absent, router_with_schema};
use crate::tenant::server::unknown_path::AUTHENTICATION;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/supported.md");
/// Auth0's endpoints: method, path and name, a line each.
const AUTH0: &str = include_str!("../../../../docs/auth0-endpoints.txt");
/// The routes besides the Management API.
const ROUTES: &str = include_str!("../server/login_routes.rs");

const INTRODUCTION: &str = "\
# Which of Auth0's endpoints the tenant has

`make docs` writes this page from the routes of the tenant, and a test compares it with them. Auth0's endpoints are those of
[auth0-endpoints.txt](auth0-endpoints.txt), which names its source and date. [tenant.md](tenant.md) says where an endpoint
behaves differently.
";

const FURTHER: &str = "\
Pages for people and for tests, which Auth0 does not have: `/` (start page), `/account` (ways to log in), `/console`
(operators, off by default), `/dev/outbox` (codes and links that would be sent), `/dev/reset` and `/dev/faults`.
[tenant.md](tenant.md) describes them.
";

/// The paths of Auth0's Authentication API that have no route, each with the paths below it.
const ABSENT: &str = "\
Paths of Auth0's Authentication API that the tenant does not have. Each, and each path below it, answers 501:
";

const OTHERS: &str = "\
## The endpoints of the Management API that the tenant does not have

| here | the answer |
|---|---|
| an empty list | 200 with no elements, so that clients that list everything continue |
| off | 200, with settings that say that the feature is switched off |
| no settings | 200 with an empty object |
| 403 | 403 `feature_not_enabled` |
| 404 | 404: there is no such resource |
| no | 501 or, for another method of a path that the tenant has, 405 |
";

/// A method and a path without the names of its parameters, such as `GET` and `/api/v2/users/{}`.
type Endpoint = (String, String);

fn new_endpoint(method: &str, path: &str) -> Endpoint {
    let parts: Vec<&str> =
        path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    (method.to_owned(), parts.join("/"))
}

fn list_operations(item: &PathItem) -> impl Iterator<Item = &'static str> {
    let methods: [(&'static str, &Option<Operation>); 5] = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    methods
        .into_iter()
        .filter(|(_, operation)| operation.is_some())
        .map(|(method, _)| method)
        .collect::<Vec<_>>()
        .into_iter()
}

/// The endpoints of the tenant's Management API, with their answer in words.
fn describe_endpoints() -> BTreeMap<Endpoint, &'static str> {
    let document = router_with_schema().into_openapi();
    let served = document.paths.paths.iter().flat_map(|(path, item)| {
        list_operations(item).map(move |method| (new_endpoint(method, path), "yes"))
    });
    let absent = absent::describe().map(|(path, words)| (new_endpoint("GET", &path), words));
    absent.chain(served).collect()
}

/// The answer to an endpoint of Auth0. A path that the tenant does not have may be one of its
/// paths with a parameter.
fn find_answer(known: &BTreeMap<Endpoint, &'static str>, asked: &Endpoint) -> String {
    if let Some(answer) = known.get(asked) {
        return (*answer).to_owned();
    }
    let takes = |path: &str| {
        path.split('/').count() == asked.1.split('/').count()
            && path.split('/').zip(asked.1.split('/')).all(|(part, other)| part == "{}" || part == other)
    };
    match known.iter().find(|((method, path), _)| *method == asked.0 && takes(path)) {
        Some(((_, path), &"yes")) => format!("no: answered as `{path}`"),
        Some((_, answer)) => (*answer).to_owned(),
        None => "no".to_owned(),
    }
}

/// The lines of Auth0's endpoints: method, path and name.
fn read_auth0() -> Vec<[&'static str; 3]> {
    let lines = AUTH0.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(' ').collect::<Vec<_>>().try_into().expect("three words")).collect()
}

/// The routes of the Authentication API and of the login pages, with their methods.
fn list_routes() -> Vec<(&'static str, Vec<&'static str>)> {
    let routes = ROUTES.lines().filter_map(|line| {
        let (path, handlers) = line.trim().strip_prefix(".route(\"")?.split_once("\", ")?;
        let has = |method: &&&str| {
            let call = format!("{}(", method.to_lowercase());
            handlers.starts_with(&call) || handlers.contains(&format!(").{call}"))
        };
        Some((path, ["GET", "POST", "PUT", "PATCH", "DELETE"].iter().filter(has).copied().collect()))
    });
    routes.collect()
}

fn render_page() -> String {
    let known = describe_endpoints();
    let auth0 = read_auth0();
    let (mut served, mut others, mut count) = (String::new(), String::new(), 0);
    for [method, path, name] in &auth0 {
        let answer = find_answer(&known, &new_endpoint(method, path));
        if answer == "yes" {
            count += 1;
            served += &format!("| `{method}` | `{path}` | `{name}` | yes |\n");
        } else {
            others += &format!("| `{method}` | `{path}` | `{name}` | {answer} |\n");
        }
    }
    let own: String = known
        .iter()
        .filter(|(endpoint, answer)| {
            **answer == "yes"
                && !auth0.iter().any(|[method, path, _]| new_endpoint(method, path) == **endpoint)
        })
        .map(|((method, path), _)| format!("- `{method} {path}`\n"))
        .collect();
    let own = if own.is_empty() { "none\n".to_owned() } else { own };
    let routes: String = list_routes()
        .into_iter()
        .map(|(path, methods)| format!("| `{path}` | {} |\n", methods.join(", ")))
        .collect();
    let absent: String =
        AUTHENTICATION.iter().map(|(path, words)| format!("| `{path}…` | {words} |\n")).collect();
    format!(
        "{INTRODUCTION}\n## The Management API\n\nThe tenant has {count} of {} endpoints:\n\n\
         | method | path | Auth0's name | here |\n|---|---|---|---|\n{served}\n\
         Further endpoints, which Auth0's list does not have:\n\n{own}\n\
         ## The Authentication API, and the login pages\n\n| path | methods |\n|---|---|\n{routes}\n{FURTHER}\n{ABSENT}\n| path | purpose |\n|---|---|\n{absent}\n{OTHERS}\n\
         | method | path | Auth0's name | here |\n|---|---|---|---|\n{others}",
        auth0.len()
    )
}

#[test]
fn supported_md_is_current() {
    let page = render_page();
    if std::env::var_os("LIGATURE_UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let held = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(held == page, "docs/supported.md is not current; run `make docs`");
}

/// A route that the text of the source does not show on one line would be missing on the page.
#[test]
fn every_route_is_on_the_page() {
    let listed = list_routes();
    assert!(listed.len() > 30 && listed.iter().all(|(_, methods)| !methods.is_empty()), "{listed:?}");
    let declared = ROUTES.matches(".route(").count();
    assert_eq!(listed.len(), declared);
}

#[test]
fn auth0s_endpoints_are_read_as_they_are_written() {
    let auth0 = read_auth0();
    assert!(auth0.len() > 400, "{}", auth0.len());
    let mut seen = std::collections::BTreeSet::new();
    for [method, path, name] in auth0 {
        assert!(["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method), "{method} {path}");
        assert!(path.starts_with("/api/v2/") && !name.is_empty(), "{path}");
        assert!(seen.insert((method, path)), "{method} {path} is there twice");
    }
}

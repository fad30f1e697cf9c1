//! The decision where the work of a request runs.
//!
//! Work that hashes a password, decides a login, writes, or reads many records blocks
//! for milliseconds. It runs on tokio's blocking pool, so that it does not delay the
//! requests that share its thread. Changing threads takes longer than reading a record
//! or two from a local directory; such work stays on the request's thread.
//!
//! No work runs on the request's thread while the directory is remote. A database's
//! client would block that thread; PostgreSQL's panics there.
//!
//! Three requests have no row here, because they choose the blocking pool themselves:
//! `POST /dev/reset` builds a new directory in a closure of its own, `POST /api/v2/jobs/users-imports`
//! answers before its import ends, and `/readyz` waits for the directory with a time limit.

use axum::extract::MatchedPath;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, Method, request};

use crate::service::blocking::run_blocking;
use crate::tenant::http::params::Params;

/// The threads that work runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunsOn {
    /// The thread that answers the request, unless the directory is remote: for work
    /// that uses memory, or reads a record or two.
    RequestThread,
    /// Tokio's blocking pool.
    BlockingPool,
}

/// The check of an access token of a user: it reads the user.
pub(crate) const TOKEN_CHECK: RunsOn = RunsOn::RequestThread;

/// A rule for requests whose work does not need the blocking pool.
struct Rule {
    method: Method,
    route: &'static str,
    /// Whether the rule applies to a request with these headers and parameters.
    applies: fn(&HeaderMap, &Params) -> bool,
    runs_on: RunsOn,
}

/// A rule for every request of a route.
const fn always(method: Method, route: &'static str, runs_on: RunsOn) -> Rule {
    Rule { method, route, applies: |_, _| true, runs_on }
}

/// Every request that does not run on the blocking pool, with the reason.
const RULES: [Rule; 21] = [
    // The request signs a token, and reads no record.
    Rule {
        method: Method::POST,
        route: "/oauth/token",
        applies: |_, params| params.get("grant_type") == Some("client_credentials"),
        runs_on: RunsOn::RequestThread,
    },
    // The request reads the user of the code.
    Rule {
        method: Method::POST,
        route: "/oauth/token",
        applies: |_, params| params.get("grant_type") == Some("authorization_code"),
        runs_on: RunsOn::RequestThread,
    },
    // Without a session and a login ticket, the request leads to a page. A request to
    // link reads the user of its token.
    Rule {
        method: Method::GET,
        route: "/authorize",
        applies: |headers, params| !headers.contains_key(COOKIE) && params.get("login_ticket").is_none(),
        runs_on: RunsOn::RequestThread,
    },
    // These pages show a login that is under way, which is in memory.
    always(Method::GET, "/u/login", RunsOn::RequestThread),
    always(Method::GET, "/u/stand-in", RunsOn::RequestThread),
    always(Method::GET, "/u/code", RunsOn::RequestThread),
    always(Method::GET, "/u/link", RunsOn::RequestThread),
    always(Method::GET, "/u/second-factor", RunsOn::RequestThread),
    always(Method::GET, "/u/forgot", RunsOn::RequestThread),
    // This page reads the account of a mail.
    always(Method::GET, "/u/email-verification", RunsOn::RequestThread),
    // This page shows a ticket, which is in memory.
    always(Method::GET, "/u/reset", RunsOn::RequestThread),
    // The request begins a login, in memory.
    always(Method::GET, "/dev/log-in", RunsOn::RequestThread),
    // The request ends a session, in memory.
    always(Method::POST, "/dev/log-out", RunsOn::RequestThread),
    // These requests read one user.
    always(Method::GET, "/userinfo", RunsOn::RequestThread),
    always(Method::POST, "/userinfo", RunsOn::RequestThread),
    always(Method::GET, "/api/v2/users/{id}", RunsOn::RequestThread),
    always(Method::GET, "/api/v2/users/{id}/roles", RunsOn::RequestThread),
    always(Method::GET, "/api/v2/users/{id}/organizations", RunsOn::RequestThread),
    always(Method::GET, "/api/v2/users/{id}/permissions", RunsOn::RequestThread),
    // The request reads a few users by an index.
    always(Method::GET, "/api/v2/users-by-email", RunsOn::RequestThread),
    // The configuration is in memory.
    always(Method::GET, "/client/{file}", RunsOn::RequestThread),
];

/// The method and the route of a request, such as `GET` and `/api/v2/users/{id}`.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    method: Method,
    path: Option<MatchedPath>,
}

impl Route {
    /// A `HEAD` request is a `GET` request here: the same handler responds to it.
    pub(crate) fn from_parts(parts: &request::Parts) -> Self {
        let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
        Self { method, path: parts.extensions.get::<MatchedPath>().cloned() }
    }

    /// Returns the path, with the names of its parameters.
    pub(crate) fn path(&self) -> Option<&str> {
        self.path.as_ref().map(MatchedPath::as_str)
    }
}

impl RunsOn {
    /// Decides where the work of a request runs, by its method, its route, its headers
    /// and its parameters. The default is the blocking pool.
    pub(crate) fn decide(route: &Route, headers: &HeaderMap, params: &Params) -> Self {
        let Some(path) = &route.path else { return Self::BlockingPool };
        let fits = |rule: &&Rule| {
            rule.route == path.as_str() && rule.method == route.method && (rule.applies)(headers, params)
        };
        RULES.iter().find(fits).map_or(Self::BlockingPool, |rule| rule.runs_on)
    }

    /// Runs work there. `is_remote` says whether the directory is asked over a network.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        is_remote: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        match self {
            Self::RequestThread if !is_remote => work(),
            Self::RequestThread | Self::BlockingPool => run_blocking(work).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use crate::tenant::http::blocking::RULES;

    /// The sources that declare routes. A rule for a route that they do not declare would
    /// never apply, and the request would run on the blocking pool.
    const ROUTES: [&str; 4] = [
        include_str!("../server/login_routes.rs"),
        include_str!("../management/users.rs"),
        include_str!("../management/role_members.rs"),
        include_str!("../management/organization_members.rs"),
    ];

    #[test]
    fn every_rule_names_a_route() {
        for rule in &RULES {
            let method = rule.method.as_str().to_ascii_lowercase();
            let handler = format!("{method}(");
            let in_router = |line: &str| {
                line.contains(&format!(".route(\"{}\", ", rule.route)) && line.contains(&handler)
            };
            let in_document =
                |line: &str| line.contains(&format!("utoipa::path({method}, path = \"{}\"", rule.route));
            let is_declared =
                ROUTES.iter().flat_map(|text| text.lines()).any(|line| in_router(line) || in_document(line));
            assert!(is_declared, "{} {}", rule.method, rule.route);
        }
    }

    #[test]
    fn no_rule_hides_another() {
        for (place, rule) in RULES.iter().enumerate() {
            let is_same = |other: &&super::Rule| other.route == rule.route && other.method == rule.method;
            let others = RULES[place + 1..].iter().filter(is_same).count();
            // The grants of the token endpoint have a rule each.
            assert!(others == 0 || (rule.method == Method::POST && rule.route == "/oauth/token"));
        }
    }
}

//! A router that knows its paths.

use axum::Router;
use axum::routing::MethodRouter;

use crate::tenant::state::Shared;

/// Routes, and the list of their paths.
#[derive(Default)]
pub(crate) struct RouteList {
    pub(crate) router: Router<Shared>,
    pub(crate) paths: Vec<String>,
}

impl RouteList {
    /// Adds a route.
    pub(crate) fn route(mut self, path: &str, methods: MethodRouter<Shared>) -> Self {
        self.paths.push(path.to_owned());
        Self { router: self.router.route(path, methods), ..self }
    }
}

//! The tenant's log events, such as logins and requests to the Management API.

use axum::Json;
use axum::extract::{MatchedPath, Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::tenant::http::visit::Visit;
use crate::tenant::logins::log_events::{Events, RecordedRequest};
use crate::tenant::management::access::{Caller, ManagementCall};
use crate::tenant::management::openapi::{CommonRefusals, LogList, LogObject};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{UserId, ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::search::Query;
use crate::tenant::management::user_json::FieldSelection;
use crate::tenant::state::Shared;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The number of the page, from 0.
    #[param(minimum = 0, maximum = 1000)]
    page: Option<u32>,
    /// The number of events per page.
    #[param(minimum = 1, maximum = 100)]
    per_page: Option<u32>,
    /// `date:1` for the oldest events first, or `date:-1` (the default) for the newest first.
    #[param(pattern = "^date:-?1$")]
    sort: Option<String>,
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
    /// Whether the response includes the total.
    include_totals: Option<bool>,
    /// The id of an event: lists the events after it, the oldest first.
    from: Option<String>,
    /// The number of items per page, in checkpoint paging.
    #[param(minimum = 1, maximum = 100)]
    take: Option<u32>,
    /// A query in Lucene's syntax, such as `type:s AND user_id:"auth0|1"`.
    #[param(schema_with = crate::tenant::management::schemas::text)]
    q: Option<String>,
}

/// Returns the page of events that the parameters ask for, among the events that `fits`
/// accepts.
fn list_events(events: &Events, params: ListQuery, fits: impl Fn(&Value) -> bool) -> Result<Value, Problem> {
    let fields = FieldSelection::parse(params.fields.as_deref(), params.include_fields)?;
    let ListQuery { page, per_page, include_totals, from, take, .. } = params;
    let query = PageQuery { page, per_page, include_totals, from, take };
    query.check()?;
    let parsed = match params.q.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(q) => Some(Query::parse(q).map_err(|why| Problem::bad(why, "invalid_query_string"))?),
    };
    let mut events =
        events.list(|event| fits(event) && parsed.as_ref().is_none_or(|query| query.matches(event)));
    let mut answer = if query.from.is_some() || query.take.is_some() {
        // Checkpoint paging of events returns a bare array: the id of the last event is the next
        // checkpoint.
        query.select_page(&events, "logs", "log_id")?["logs"].take()
    } else {
        match params.sort.as_deref() {
            None | Some("date:-1") => events.reverse(),
            Some("date:1") => {}
            Some(_) => return Err(Problem::query("sort: expected date:1 or date:-1")),
        }
        query.select_page(&events, "logs", "log_id")?
    };
    let shown = if answer.is_array() { Some(&mut answer) } else { answer.get_mut("logs") };
    for event in shown.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
        fields.apply(event);
    }
    Ok(answer)
}

/// List events
///
/// Lists the newest 2,000 events since the start of the process. Email addresses are not
/// masked.
#[utoipa::path(get, path = "/api/v2/logs", operation_id = "get_logs", tag = "logs", params(ListQuery),
    security(("token" = ["read:logs"]), ("token" = ["read:logs_users"])),
    responses((status = 200, description = "Events, or a page of them", body = LogList), CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:logs", "read:logs_users"])?;
    list_events(&tenant.logins.events, query, |_| true).map(Json)
}

/// Get an event
#[utoipa::path(get, path = "/api/v2/logs/{id}", operation_id = "get_logs_by_id", tag = "logs",
    params(("id" = String, Path, description = "The event's id")),
    security(("token" = ["read:logs"]), ("token" = ["read:logs_users"])),
    responses((status = 200, description = "The event", body = LogObject),
              (status = 404, description = "There is no such event, or not any more", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn get(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:logs", "read:logs_users"])?;
    let id = read_path(path)?;
    let found = tenant.logins.events.list(|event| event["log_id"] == id.as_str()).pop();
    let inexistent = || Problem::new(StatusCode::NOT_FOUND, "The log does not exist", "inexistent_log");
    found.map(Json).ok_or_else(inexistent)
}

/// List a user's events
#[utoipa::path(get, path = "/api/v2/users/{id}/logs", operation_id = "get_logs_by_user", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), ListQuery),
    security(("token" = ["read:logs"]), ("token" = ["read:logs_users"])),
    responses((status = 200, description = "Events, or a page of them", body = LogList), CommonRefusals))]
pub(super) async fn list_by_user(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:logs", "read:logs_users"])?;
    list_events(&tenant.logins.events, query, |event| event["user_id"] == id.as_str()).map(Json)
}

/// Records a log event for each request that may change data: the caller, the method, the path
/// and the status. A request without a valid token is not recorded here; its refusal is in the
/// tenant's own log.
pub(in crate::tenant) async fn record_request(
    State(tenant): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let is_known = request.extensions().get::<MatchedPath>().is_some();
    let caller = Caller::identify(&tenant.signing, &tenant.config, request.headers());
    let response = next.run(request).await;
    if let (Some(caller), true) = (caller, is_known) {
        tenant.logins.events.record_api_request(&RecordedRequest {
            client: &caller.client_id,
            user: caller.user_id.as_deref(),
            method: method.as_str(),
            path: &path,
            status: response.status().as_u16(),
        });
    }
    response
}

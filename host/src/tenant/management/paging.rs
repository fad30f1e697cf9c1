//! Paging of lists: by page number, with a total on request, or by checkpoint.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use crate::tenant::management::problem::Problem;

/// The most items of one page.
const MOST: u32 = 100;
/// The size of a page if the request gives none.
const USUAL: u32 = 50;

/// The part of a list that a request asks for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The number of the page, from 0.
    #[param(minimum = 0, maximum = 1000)]
    pub(super) page: Option<u32>,
    /// The number of items per page.
    #[param(minimum = 1, maximum = 100)]
    pub(super) per_page: Option<u32>,
    /// Whether the response includes the total.
    pub(super) include_totals: Option<bool>,
    /// The checkpoint to continue from: `next` of the page before.
    pub(super) from: Option<String>,
    /// The number of items per page, in checkpoint paging.
    #[param(minimum = 1, maximum = 100)]
    pub(super) take: Option<u32>,
}

impl PageQuery {
    /// Refuses parameters that are out of range.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.page.is_some_and(|page| page > 1000) {
            return Err(Problem::query("Value 1000 is the greatest allowed on property page"));
        }
        if [self.per_page, self.take].into_iter().flatten().any(|it| !(1..=MOST).contains(&it)) {
            return Err(Problem::query("expected a number from 1 to 100 on property per_page or take"));
        }
        Ok(())
    }

    /// Returns the part of the list `all` that the query asks for: a bare array, or an object with
    /// the items under `name`. `checkpoint` is the field of an item that serves as its checkpoint.
    pub(super) fn select_page(&self, all: &[Value], name: &str, checkpoint: &str) -> Result<Value, Problem> {
        self.check()?;
        let mut answer = Map::new();
        if self.take.is_some() || self.from.is_some() {
            let start = match &self.from {
                None => 0,
                Some(from) => all.iter().position(|it| it[checkpoint] == from.as_str()).map_or_else(
                    || Err(Problem::bad("from: this is not a checkpoint of the list", "invalid_paging")),
                    |place| Ok(place + 1),
                )?,
            };
            let rest = &all[start..];
            let taken = &rest[..rest.len().min(self.take.unwrap_or(USUAL) as usize)];
            answer.insert(name.to_owned(), taken.into());
            if let Some(last) = taken.last().filter(|_| taken.len() < rest.len()) {
                answer.insert("next".to_owned(), last[checkpoint].clone());
            }
            return Ok(Value::Object(answer));
        }
        let per_page = self.per_page.unwrap_or(USUAL) as usize;
        let start = self.page.unwrap_or(0) as usize * per_page;
        let page: Vec<Value> = all.iter().skip(start).take(per_page).cloned().collect();
        if self.include_totals != Some(true) {
            return Ok(page.into());
        }
        let mut answer =
            json!({ "start": start, "limit": per_page, "length": page.len(), "total": all.len() });
        answer[name] = page.into();
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tenant::management::paging::PageQuery;

    #[test]
    fn a_list_is_the_same_by_pages_and_by_checkpoints() {
        let all: Vec<Value> = (0..7).map(|n| json!({ "id": n.to_string() })).collect();
        let (mut by_pages, mut by_checkpoints, mut from) = (Vec::new(), Vec::new(), None);
        for page in 0..4 {
            let query = PageQuery { page: Some(page), per_page: Some(3), ..PageQuery::default() };
            by_pages.extend(query.select_page(&all, "them", "id").unwrap().as_array().unwrap().clone());
        }
        loop {
            let query = PageQuery { from, take: Some(3), ..PageQuery::default() };
            let answer = query.select_page(&all, "them", "id").unwrap();
            by_checkpoints.extend(answer["them"].as_array().unwrap().clone());
            match &answer["next"] {
                Value::String(next) => from = Some(next.clone()),
                _ => break,
            }
        }
        assert_eq!((by_pages, by_checkpoints), (all.clone(), all));
    }

    #[test]
    fn a_checkpoint_of_another_list_begins_no_page() {
        let query = PageQuery { from: Some("7".to_owned()), ..PageQuery::default() };
        assert_eq!(query.select_page(&[], "them", "id").unwrap_err().code, Some("invalid_paging"));
    }
}

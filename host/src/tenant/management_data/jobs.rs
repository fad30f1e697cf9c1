//! The jobs of the last day, with their results.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::ambient::Ambient;
use crate::tenant::store::one_time::OneTime;
use crate::tenant::store::weight::Weighed;

/// The time for which a job is kept, in seconds.
const LIFETIME_S: u64 = 86_400;

/// The jobs of the last day.
pub(crate) struct Jobs {
    kept: OneTime<Arc<Job>>,
    ambient: Ambient,
}

/// A job, as it is kept.
pub(crate) struct Job {
    /// The JSON that the API returns for the job.
    pub(crate) shown: Value,
    /// The errors, such as one for each user that was not imported.
    pub(crate) errors: Vec<Value>,
}

impl Weighed for Job {
    fn bytes(&self) -> usize {
        self.shown.bytes() + self.errors.bytes()
    }
}

/// The result of a job.
#[derive(Default)]
pub(crate) struct JobResult {
    /// Additional properties of the finished job.
    pub(crate) summary: Value,
    /// The errors: one for each user that was left out, or one for the whole job.
    pub(crate) errors: Vec<Value>,
}

impl Jobs {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self { kept: OneTime::new(LIFETIME_S, ambient), ambient: ambient.clone() }
    }

    /// Keeps a finished job. Returns the job as it was when it began.
    pub(crate) fn keep_finished(&self, kind: &str, about: Value, result: JobResult) -> Value {
        let begun = self.begin(kind, about);
        self.end(&begun, result.summary, result.errors);
        begun
    }

    /// Keeps a job that is still running, until [`Self::end`]. Returns the job.
    pub(crate) fn begin(&self, kind: &str, about: Value) -> Value {
        let id = format!("job_{}", &self.ambient.random().object_id()[..16]);
        let mut begun = json!({
            "type": kind, "id": id, "created_at": self.ambient.now().to_string(), "status": "pending",
        });
        if let (Value::Object(begun), Value::Object(about)) = (&mut begun, about) {
            begun.extend(about);
        }
        self.keep(begun.clone(), Vec::new());
        begun
    }

    /// Keeps the result of a job that was begun.
    pub(crate) fn end(&self, begun: &Value, result: Value, errors: Vec<Value>) {
        let mut shown = begun.clone();
        shown["status"] = "completed".into();
        if let (Value::Object(shown), Value::Object(result)) = (&mut shown, result) {
            shown.extend(result);
        }
        self.keep(shown, errors);
    }

    fn keep(&self, shown: Value, errors: Vec<Value>) {
        let id = shown["id"].as_str().unwrap_or_default().to_owned();
        self.kept.put_as(id, Arc::new(Job { shown, errors }));
    }

    /// Returns the job with this id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Job>> {
        self.kept.get(id)
    }
}

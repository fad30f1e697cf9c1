//! The injected faults that are left.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::reading::find_nearest;
use crate::tenant::config::InjectedFault;

/// The most faults at a time.
const MOST: usize = 100;

/// The faults, in the order in which they come.
pub(crate) struct Faults(Mutex<Vec<PendingFault>>);

/// A fault, and the number of requests that it has answered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PendingFault {
    #[serde(flatten)]
    fault: InjectedFault,
    requests: u32,
}

impl Faults {
    /// Creates the store with faults that were checked.
    pub(crate) fn new(faults: &[InjectedFault]) -> Self {
        Self(Mutex::new(begin(faults)))
    }

    /// Replaces all faults by others that were checked.
    pub(crate) fn replace(&self, faults: &[InjectedFault]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = begin(faults);
    }

    /// Returns the faults, also those that will not come again.
    pub(crate) fn list(&self) -> Vec<PendingFault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the fault of a request, which counts as one of its times.
    pub(crate) fn take(&self, method: &str, path: &str) -> Option<InjectedFault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |it: &&mut PendingFault| {
            it.requests < it.fault.times && it.fault.method == method && it.fault.path == path
        };
        let pending = faults.iter_mut().find(is_due)?;
        pending.requests += 1;
        Some(pending.fault.clone())
    }
}

fn begin(faults: &[InjectedFault]) -> Vec<PendingFault> {
    faults.iter().map(|fault| PendingFault { fault: fault.clone(), requests: 0 }).collect()
}

/// Checks a list of faults. `routes` are the paths of the tenant.
pub(crate) fn check(faults: &[InjectedFault], routes: &[String]) -> Result<(), String> {
    if faults.len() > MOST {
        return Err(format!("{} faults are too many: there are at most {MOST}", faults.len()));
    }
    for (place, fault) in faults.iter().enumerate() {
        let failed = |why| format!("fault {}: {why}", place + 1);
        fault.check().map_err(failed)?;
        if !routes.contains(&fault.path) {
            let path: String = fault.path.chars().take(200).collect();
            let nearest = find_nearest(&path, routes.iter().map(String::as_str));
            let nearest = nearest.map(|it| format!("; did you mean `{it}`?")).unwrap_or_default();
            return Err(failed(format!(
                "path: no faults are injected at `{path}`{nearest} (only at a route of the Authentication or Management \
                 API, of the login pages or of /account, with the names of its parameters, such as /api/v2/users/{{id}})"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::tenant::config::InjectedFault;
    use crate::tenant::faults::{Faults, check};

    fn fault(text: &str) -> InjectedFault {
        serde_json::from_str(text).unwrap()
    }

    fn routes() -> Vec<String> {
        vec!["/api/v2/users/{id}".to_owned(), "/oauth/token".to_owned()]
    }

    #[test]
    fn faults_of_a_route_come_one_after_the_other() {
        let list = [
            fault(r#"{"method": "POST", "path": "/oauth/token", "status": 503, "times": 2}"#),
            fault(r#"{"method": "POST", "path": "/oauth/token", "status": 429}"#),
        ];
        let faults = Faults::new(&list);
        assert_eq!(faults.take("GET", "/oauth/token"), None);
        assert_eq!(faults.take("POST", "/userinfo"), None);
        let took = |_| faults.take("POST", "/oauth/token").and_then(|it| it.status);
        assert_eq!((0..4).map(took).collect::<Vec<_>>(), [Some(503), Some(503), Some(429), None]);
        faults.replace(&[]);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn at_once_a_fault_comes_as_often_as_it_says() {
        let list = [fault(r#"{"method": "GET", "path": "/oauth/token", "status": 500, "times": 10}"#)];
        let faults = Faults::new(&list);
        let count = || (0..20).filter(|_| faults.take("GET", "/oauth/token").is_some()).count();
        let came: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).sum()
        });
        assert_eq!(came, 10);
    }

    #[test]
    fn every_refusal_names_the_fault_and_the_key() {
        let refusal = |text: &str| {
            let good = fault(r#"{"method": "POST", "path": "/oauth/token", "status": 503}"#);
            check(&[good, fault(text)], &routes()).unwrap_err()
        };
        for (text, words) in [
            (
                r#"{"method": "post", "path": "/oauth/token", "status": 500}"#,
                "fault 2: method: `post` is not one of",
            ),
            (r#"{"method": "GET", "path": "/oauth/tokn", "status": 500}"#, "did you mean `/oauth/token`?"),
            (
                r#"{"method": "GET", "path": "/api/v2/users/auth0|1", "status": 500}"#,
                "no faults are injected at",
            ),
            (r#"{"method": "GET", "path": "/dev/faults", "status": 500}"#, "fault 2: path: `/dev/faults`"),
            (r#"{"method": "GET", "path": "/oauth/token", "status": 200}"#, "from 400 to 599"),
            (r#"{"method": "GET", "path": "/oauth/token"}"#, "a fault needs a status"),
            (
                r#"{"method": "GET", "path": "/oauth/token", "delay_ms": 1, "after_effect": true}"#,
                "needs a status",
            ),
            (r#"{"method": "GET", "path": "/oauth/token", "delay_ms": 30001}"#, "delay_ms: "),
            (r#"{"method": "GET", "path": "/oauth/token", "status": 500, "times": 0}"#, "times: "),
            (
                r#"{"method": "GET", "path": "/oauth/token", "status": 500, "retry_after_s": 86401}"#,
                "retry_after_s: ",
            ),
        ] {
            assert!(refusal(text).contains(words), "{text}: {}", refusal(text));
        }
        let many: Vec<InjectedFault> =
            (0..101).map(|_| fault(r#"{"method": "POST", "path": "/oauth/token", "status": 503}"#)).collect();
        assert!(check(&many, &routes()).unwrap_err().contains("at most 100"));
        assert_eq!(check(&many[..100], &routes()), Ok(()));
    }
}

//! The client of the Management API against a server that misbehaves.

mod faults;
mod limits;
mod requests;
mod standin;
mod tokens;

use std::time::{Duration, Instant};

use ligature_host::ambient::Ambient;
use ligature_host::auth0::{
    CallError, ClientCredentials, ManagementClient, TenantAddress, TimeLimit, UsersApi,
};
use ligature_host::model::{IdentityKey, User};

use standin::Standin;

const SECRET: &str = "the-s3cret-of-the-application";
const LONG: Duration = Duration::from_secs(20);
const LINKED: IdentityKey<'_> =
    IdentityKey { connection: "google-oauth2", provider: "google-oauth2", user_id: "1080" };

/// A client and its clock.
struct Test {
    client: ManagementClient,
    ambient: Ambient,
}

impl Test {
    fn new(standin: &Standin) -> Self {
        Self::by(standin, Ambient::system())
    }

    fn by(standin: &Standin, ambient: Ambient) -> Self {
        Self::at(&format!("auth0://127.0.0.1:{}", standin.port()), ambient)
    }

    fn at(address: &str, ambient: Ambient) -> Self {
        let address: TenantAddress = address.parse().expect("an address");
        let credentials = ClientCredentials::new("an-id", SECRET);
        let client = ManagementClient::connect(address, credentials, &ambient).expect("a client");
        Self { client, ambient }
    }

    fn limit(&self, time: Duration) -> TimeLimit {
        TimeLimit::after(&self.ambient, time)
    }

    fn user(&self, time: Duration) -> Result<User, CallError> {
        self.client.user("auth0|1", self.limit(time))
    }
}

/// Runs something, and returns its result with the time that it took.
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (run(), start.elapsed())
}

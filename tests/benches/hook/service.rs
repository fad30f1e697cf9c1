//! The service under measurement.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::line::SECRET;
use crate::program::{Running, program};

/// The directory behind the hook.
#[derive(Clone, Copy)]
pub(crate) enum Behind {
    Nothing,
    Sqlite,
}

/// A running `ligature hook`.
pub(crate) struct Service {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
}

impl Service {
    pub(crate) fn start(place: &Path, behind: Behind) -> Self {
        Self::start_with(place, behind, &[])
    }

    /// Starts the service with further arguments.
    pub(crate) fn start_with(place: &Path, behind: Behind, arguments: &[&str]) -> Self {
        let secret = place.join("secret");
        fs::write(&secret, SECRET).expect("a file is written");
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&secret, owner_only).expect("only its owner may read it");
        let mut command = program(place);
        command.args(["hook", "--listen", "127.0.0.1:0", "--secret-file"]).arg(place.join("secret"));
        command.args(arguments).env("LIGATURE_LOG", "error");
        match behind {
            Behind::Nothing => {
                // Nothing listens on port 1.
                command.args(["--directory", "auth0://127.0.0.1:1", "--journal"]);
                command.arg(format!("sqlite:{}", place.join("journal.db").display()));
                command.env("LIGATURE_AUTH0_CLIENT_ID", "bench").env("LIGATURE_AUTH0_CLIENT_SECRET", "bench");
            }
            Behind::Sqlite => {
                command.args(["--directory", &import_users(place)]);
            }
        }
        let (process, address) = Running::start(command, place, |ready| {
            ready.strip_prefix("http://")?.trim_end_matches('/').parse().ok()
        });
        Self { process, address }
    }
}

/// Imports the users of the examples. Returns their directory.
fn import_users(place: &Path) -> String {
    let users = place.join("users.ndjson");
    fs::write(&users, include_str!("../../../examples/directory/users.ndjson")).expect("a file is written");
    let directory = format!("sqlite:{}", place.join("users.db").display());
    let import = program(place).args(["users", "import", "--directory", &directory]).arg(&users).output();
    assert!(import.is_ok_and(|it| it.status.success()), "the users are imported");
    directory
}

//! Ports for servers of a suite that must be known before the server starts.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Ports below those that Linux, macOS and gVisor choose for outgoing
/// connections and for listeners on port 0, and above those of common servers.
const PORTS: Range<u16> = 11_000..16_000;

/// Locks on the ports that this process has handed out.
static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Reserves a port on the loopback interface until this process ends.
///
/// Nobody listens on the port. The system gives it to no other socket, and this
/// function gives it to no other test, not even in another process. A port that
/// is bound as port 0 and then released lacks both: a connection or a listener
/// that starts in between takes it.
///
/// # Panics
///
/// When every port is in use, or the temporary folder cannot be written.
pub fn reserve_port() -> u16 {
    let folder = locks_folder();
    std::fs::create_dir_all(&folder).expect("a folder for the locks on ports");
    let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    // Processes that start together begin at different ports.
    let count = u32::from(PORTS.end - PORTS.start);
    let first = std::process::id().wrapping_mul(61) % count;
    let ports = (0..count).map(|step| PORTS.start + ((first + step) % count) as u16);
    let (port, lock) = ports
        .filter_map(|port| Some((port, lock_port(&folder, port)?)))
        .find(|(port, _)| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port");
    reserved.push(lock);
    port
}

/// Returns the folder of the locks. Each user has one, because no user can open the
/// files of another.
fn locks_folder() -> PathBuf {
    // On macOS, the temporary folder is the user's own, and there is no `/proc`.
    let user = std::fs::metadata("/proc/self").map_or(0, |process| process.uid());
    std::env::temp_dir().join(format!("ligature-test-ports-{user}"))
}

/// Locks a port against other callers in any process of this machine.
fn lock_port(folder: &Path, port: u16) -> Option<File> {
    let file = OpenOptions::new().create(true).append(true).open(folder.join(port.to_string())).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_given_once_and_can_be_listened_on() {
        let ports: Vec<u16> = (0..8).map(|_| reserve_port()).collect();
        let held: Vec<TcpListener> =
            ports.iter().map(|port| TcpListener::bind(("127.0.0.1", *port)).expect("the port")).collect();
        assert_eq!(held.len(), 8);
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
    }

    #[test]
    fn a_port_that_another_file_handle_has_locked_is_not_given() {
        let port = reserve_port();
        assert!(lock_port(&locks_folder(), port).is_none(), "the lock holds");
    }

    #[test]
    fn the_system_gives_no_reserved_port_to_other_sockets() {
        // Linux tells the range; elsewhere nothing is known.
        let Ok(range) = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") else { return };
        let first: u16 = range.split_whitespace().next().and_then(|it| it.parse().ok()).expect("a port");
        assert!(PORTS.end <= first, "{PORTS:?} and {range}");
    }
}

//! Attacks on the host's time and memory outside of the plugin's own.

use std::io::Write;

use super::bindings::ligature::login::types::LoginEvent;
use super::bindings::ligature::login::{log, raw, users};
use super::own_address;

/// Makes the attack of this name; none if there is no such attack.
pub(crate) fn attack(name: &str, event: &LoginEvent) -> Option<String> {
    let told = match name {
        "log-flood-of-1-mib-lines" => {
            for _ in 0..1_000 {
                log::write(log::LogLevel::Info, &"x".repeat(1_000_000));
            }
            "logged".to_owned()
        }
        "stdout-flood" => {
            let line = [b'x'; 4096];
            for _ in 0..1_000_000 {
                let _ = std::io::stdout().write_all(&line);
            }
            "written".to_owned()
        }
        "some-output" => {
            println!("a line on standard output");
            eprintln!("a line on standard error");
            "written".to_owned()
        }
        "raw-event-flood" => {
            let length: usize = (0..1_000_000).map(|_| raw::event().len()).sum();
            length.to_string()
        }
        "raw-user-flood" => {
            let length: usize =
                (0..1_000_000).filter_map(|_| raw::user(&event.user.user_id).ok()).map(|it| it.len()).sum();
            length.to_string()
        }
        "look-up-flood" => {
            let refused = (0..10_000_000).filter(|_| users::get("auth0|stranger").is_err()).count();
            refused.to_string()
        }
        "look-up-of-1-mib-addresses" => {
            for number in 0..1_000 {
                let _ = users::find_by_email(&format!("{number}{}", "x".repeat(900_000)));
            }
            own_address(event)
        }
        #[cfg(feature = "worldly")]
        "random-flood" => loop {
            std::hint::black_box(wasi::random::random::get_random_bytes(64 << 10));
        },
        #[cfg(feature = "worldly")]
        "random-bytes-of-64-mib" => wasi::random::random::get_random_bytes(64 << 20).len().to_string(),
        #[cfg(feature = "worldly")]
        "clock-flood" => loop {
            std::hint::black_box(std::time::Instant::now());
        },
        #[cfg(feature = "worldly")]
        "many-sleeps" => loop {
            std::thread::sleep(std::time::Duration::from_secs(1));
        },
        _ => return None,
    };
    Some(told)
}

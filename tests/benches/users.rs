//! The users that benches are run with.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The n-th user's id, without its provider. Ids are spread, as real ones are.
fn id(n: usize) -> String {
    format!("{:024x}", (n as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 32)
}

/// The n-th user's address.
pub(crate) fn email(n: usize) -> String {
    format!("user.{}@example.com", (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16)
}

/// The n-th user, as Auth0 exports it.
pub(crate) fn user(n: usize) -> String {
    let id = id(n);
    format!(
        r#"{{"user_id":"auth0|{id}","email":"{}","email_verified":true,"name":"User {n}","nickname":"user{n}","picture":"https://s.example.com/avatar/{id}.png","created_at":"2024-01-01T00:00:00.000Z","updated_at":"2025-01-01T00:00:00.000Z","last_login":"2026-01-01T00:00:00.000Z","logins_count":{},"identities":[{{"connection":"Username-Password-Authentication","user_id":"{id}","provider":"auth0","isSocial":false}}],"user_metadata":{{"theme":"dark","lang":"en"}},"app_metadata":{{"plan":"free"}}}}"#,
        email(n),
        n % 50 + 1
    )
}

/// Writes a file with `users` users.
pub(crate) fn file_of(folder: &Path, users: usize) -> PathBuf {
    let file = folder.join(format!("{users}.ndjson"));
    let mut out = BufWriter::new(std::fs::File::create(&file).expect("a file"));
    for n in 0..users {
        writeln!(out, "{}", user(n)).expect("a line");
    }
    out.flush().expect("the file");
    file
}

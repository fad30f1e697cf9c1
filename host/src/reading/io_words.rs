//! Errors of the system in words.

/// Describes an error of the system, for people: without the number that Rust appends.
pub(crate) fn describe_io_error(error: &std::io::Error) -> String {
    let words = error.to_string();
    let Some(code) = error.raw_os_error() else { return words };
    words.trim_end_matches(&format!(" (os error {code})")).to_owned()
}

/// Describes an error of reading a file, for people.
pub(crate) fn describe_read_error(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "this is a directory; expected a file".to_owned(),
        // The error of a bounded reading is for people.
        std::io::ErrorKind::FileTooLarge => error.to_string(),
        std::io::ErrorKind::PermissionDenied => "it may not be read: permission denied".to_owned(),
        _ => format!("it cannot be read: {}", describe_io_error(error)),
    }
}

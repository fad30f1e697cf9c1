//! Readers of JSON and TOML texts that people write. Every reader reports faults in
//! plain words, with file, line, column and key.

mod bounded_file;
mod input_error;
mod io_words;
mod json;
mod json_path;
mod json_tokens;
mod place;
mod secret_file;
mod toml;
mod words;

pub(crate) use bounded_file::read_bounded_file;
pub use input_error::{InputError, STANDARD_INPUT, display_path};
pub(crate) use io_words::{describe_io_error, describe_read_error};
pub(crate) use json::is_of_object;
pub use json::{ParseFault, parse_json, read_json, read_text};
pub(crate) use json_path::{JsonPath, PathStep};
pub(crate) use place::{Located, Place, find_key, locate, offset, place_behind};
pub(crate) use secret_file::{read_secret_file, read_secret_text};
pub(crate) use toml::{object, read_toml, read_toml_text};
pub(crate) use words::{find_nearest, rewrite_message, strip_place};

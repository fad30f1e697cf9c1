//! A plugin that tries everything that is forbidden. The name of the login's
//! connection selects the attack.

mod answers;
mod prepare;
mod resources;

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated code")]

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package ligature:evil;
            world evil {
                include ligature:login/plugin@0.1.0;
                export ligature:login/prepared-settings@0.1.0;
            }
        ",
        generate_all,
    });

    pub(crate) use exports::ligature::login::handler::{Answer, Guest};
    pub(crate) use exports::ligature::login::prepared_settings::Guest as PreparedSettings;
    export!(Evil);

    use super::Evil;
}

use bindings::ligature::login::log::LogLevel;
use bindings::ligature::login::types::{
    ApiError, Decision, Level, LinkRequest, LoginEvent, Outcome, Reason, Step, Suggestion, User,
};
use bindings::ligature::login::{accounts, log, raw, users};
use bindings::{Answer, Guest};

struct Evil;

impl Guest for Evil {
    fn on_login(event: LoginEvent) -> Result<Outcome, ApiError> {
        attack(&event)
    }

    fn on_continue(event: LoginEvent, _: Answer) -> Result<Outcome, ApiError> {
        attack(&event)
    }
}

fn attack(event: &LoginEvent) -> Result<Outcome, ApiError> {
    if let Some(answer) = answers::attack(&event.connection.name, event) {
        return answer;
    }
    let own = event.user.user_id.as_str();
    let told = match event.connection.name.as_str() {
        "panic" => panic!("boom on purpose"),
        "endless-loop" => loop {
            std::hint::black_box(());
        },
        "memory-growth" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "deep-recursion" => descend(u64::MAX).to_string(),
        "exit" => std::process::exit(3),
        "gives-up" => return Err(ApiError::Unavailable("it does not feel like it".to_owned())),
        "huge-return" => "x".repeat(4 << 20),
        "long-return" => "x".repeat(2000),
        "no-reason" => {
            let decision = Decision::Proceed;
            return Ok(Outcome { decision, reasons: Vec::new(), trace: Vec::new(), counterfactual: None });
        }
        "huge-log-line" => {
            log::write(LogLevel::Info, &"x".repeat(2 << 20));
            "logged".to_owned()
        }
        "log-flood" => {
            for number in 0..1_000 {
                log::write(LogLevel::Info, &format!("line {number} {}", "x".repeat(2000)));
            }
            "logged".to_owned()
        }
        "stderr-flood" => {
            for _ in 0..10_000 {
                eprintln!("{}", "x".repeat(1000));
            }
            panic!("and then it panicked")
        }
        "ten-thousand-look-ups" => {
            let answers: Vec<_> = (0..10_000).map(|_| users::find_by_email(&own_address(event))).collect();
            let answered = answers.iter().filter(|answer| answer.is_ok()).count();
            format!("{answered} answered, the last: {}", words(answers.last()))
        }
        "foreign-address" => words(Some(&users::find_by_email("stranger@example.com"))),
        "foreign-user" => words(Some(&users::get("auth0|stranger"))),
        "foreign-user-raw" => words(Some(&raw::user("auth0|stranger"))),
        "raw-event" => raw::event(),
        "link-never-looked-up" => words(Some(&link("auth0|verified", own))),
        "link-two-strangers" => {
            let _ = users::find_by_email(&own_address(event));
            words(Some(&link("auth0|verified", "auth0|stranger")))
        }
        "link-to-itself" => words(Some(&link(own, own))),
        "link-blocked" => look_up_and_link(event, "auth0|blocked"),
        "link-unverified" => look_up_and_link(event, "auth0|unverified"),
        "link-other-address" => look_up_and_link(event, "auth0|other-address"),
        "link-unverified-root" => look_up_and_link(event, "auth0|unverified-root"),
        "link-unverified-root-into-own" => {
            let _ = users::find_by_email(&own_address(event));
            words(Some(&link(own, "auth0|unverified-root")))
        }
        "call-after-a-refusal" => {
            let _ = users::find_by_email("stranger@example.com");
            words(Some(&users::find_by_email(&own_address(event))))
        }
        "bad-metadata" => {
            let _ = users::find_by_email(&own_address(event));
            let request =
                LinkRequest { user_metadata: Some("[1, 2".to_owned()), ..request("auth0|verified", own) };
            words(Some(&accounts::link(&request)))
        }
        "says-linked" => return Ok(outcome(Decision::Linked("auth0|verified".to_owned()), "it lies")),
        "keeps-a-link-quiet" => look_up_and_link(event, "auth0|verified"),
        "links-then-panics" => {
            let linked = look_up_and_link(event, "auth0|verified");
            panic!("after {linked}")
        }
        "suggests-a-stranger" => {
            let suggestion =
                Suggestion { step: Step::Confirm, candidates: vec!["auth0|stranger".to_owned()] };
            return Ok(outcome(Decision::Suggest(suggestion), "it guesses"));
        }
        name if texts::ATTACKS.contains(&name) => return texts::attack(name, event),
        other => {
            let told = resources::attack(other, event);
            #[cfg(feature = "worldly")]
            let told = told.or_else(|| worldly::attack(other));
            told.unwrap_or_else(|| panic!("there is no attack `{other}`"))
        }
    };
    Ok(outcome(Decision::Proceed, &told))
}

/// Attacks that need more of WASI.
#[cfg(feature = "worldly")]
mod worldly {
    use std::time::{Duration, Instant};

    pub(crate) fn attack(name: &str) -> Option<String> {
        let told = match name {
            "read-a-file" => format!("{:?}", std::fs::read_to_string("/etc/passwd")),
            "list-files" => format!("{:?}", std::fs::read_dir("/").map(Iterator::count)),
            "open-a-connection" => format!("{:?}", std::net::TcpStream::connect("127.0.0.1:22").map(drop)),
            "listen" => format!("{:?}", std::net::TcpListener::bind("127.0.0.1:0").map(drop)),
            "look-up-a-host" => {
                use std::net::ToSocketAddrs;
                format!("{:?}", "localhost:80".to_socket_addrs().map(Iterator::count))
            }
            "read-the-environment" => format!("{} variables", std::env::vars().count()),
            "sleep-for-an-hour" => {
                let start = Instant::now();
                std::thread::sleep(Duration::from_secs(3600));
                format!("slept for {} s", start.elapsed().as_secs())
            }
            "random-numbers" => {
                use std::hash::{BuildHasher, RandomState};
                format!("{:x}", RandomState::new().hash_one(1))
            }
            _ => return None,
        };
        Some(told)
    }
}

#[allow(unconditional_recursion, reason = "that is the attack")]
fn descend(depth: u64) -> u64 {
    let here = [depth; 64];
    std::hint::black_box(&here);
    descend(depth - 1) + std::hint::black_box(here)[usize::try_from(depth % 64).unwrap_or(0)]
}

fn own_address(event: &LoginEvent) -> String {
    event.user.email.clone().unwrap_or_default()
}

fn look_up_and_link(event: &LoginEvent, other: &str) -> String {
    let _ = users::find_by_email(&own_address(event));
    words(Some(&link(other, &event.user.user_id)))
}

fn request(primary: &str, secondary: &str) -> LinkRequest {
    LinkRequest {
        primary: primary.to_owned(),
        secondary: secondary.to_owned(),
        user_metadata: None,
        app_metadata: None,
        reasons: Vec::new(),
    }
}

fn link(primary: &str, secondary: &str) -> Result<(), ApiError> {
    accounts::link(&request(primary, secondary))
}

fn words<T: Told>(answer: Option<&Result<T, ApiError>>) -> String {
    match answer {
        Some(Ok(told)) => told.as_text(),
        Some(Err(error)) => format!("{error:?}"),
        None => "nothing".to_owned(),
    }
}

trait Told {
    fn as_text(&self) -> String;
}

impl Told for Vec<User> {
    fn as_text(&self) -> String {
        format!("{} users", self.len())
    }
}

impl Told for User {
    fn as_text(&self) -> String {
        self.user_id.clone()
    }
}

impl Told for String {
    fn as_text(&self) -> String {
        self.clone()
    }
}

impl Told for () {
    fn as_text(&self) -> String {
        "linked".to_owned()
    }
}

fn outcome(decision: Decision, told: &str) -> Outcome {
    let reason =
        Reason { code: "EVIL".to_owned(), level: Level::Info, subject: Vec::new(), detail: told.to_owned() };
    Outcome { decision, reasons: vec![reason], trace: Vec::new(), counterfactual: None }
}

mod texts;

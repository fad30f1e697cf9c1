//! Compiling in a process of its own, with limits of time and memory: a file of
//! a few kilobytes can keep a compiler busy for minutes.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Wasi;
use super::anatomy::Anatomy;
use super::compile::{Prepared, check_file, prepare};
use super::engine::{Allocator, Options, Sandbox};
use super::failure::LoadError;
use crate::limits::Limits;

/// Where plugins are compiled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Compiler {
    /// In this process, without limits of time and memory: for files that are
    /// trusted.
    #[default]
    InProcess,
    /// In a child process: this program, given the one argument
    /// [`COMPILE_COMMAND`], calls [`compile_for_parent`].
    Child(PathBuf),
}

/// The command by which a program becomes the child that compiles.
pub const COMPILE_COMMAND: &str = "compile-plugin";

/// Ends a compilation that is no longer wanted.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// The compilation ends soon, with [`LoadError::Superseded`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The parent's order: everything that the compiled code depends on.
#[derive(Serialize, Deserialize)]
struct Order {
    limits: Limits,
    wasi: Wasi,
    allocator: Allocator,
    optimise: bool,
    cache: Option<PathBuf>,
    component_bytes: usize,
}

/// The child's answer; the compiled code follows where there is no error.
#[derive(Serialize, Deserialize)]
struct Answer {
    anatomy: Option<Anatomy>,
    error: Option<LoadError>,
    code_bytes: u64,
}

/// How often the parent looks whether the child is still wanted.
const PATIENCE: Duration = Duration::from_millis(20);
/// Standard error of the child that is kept, in bytes.
const STDERR_KEPT: u64 = 4 << 10;

/// Lets a child read, check and compile a component.
pub(super) fn prepare_in_child(
    sandbox: &Sandbox,
    program: &Path,
    bytes: &[u8],
    cancel: &Cancel,
) -> Prepared<wasmtime::component::Component> {
    let limits = &sandbox.options.limits;
    if let Err(error) = check_file(bytes, limits.component_bytes) {
        return error.into();
    }
    if cancel.is_cancelled() {
        return LoadError::Superseded.into();
    }
    let (answer, code) = match ask_child(sandbox, program, bytes, cancel) {
        Ok(answered) => answered,
        Err(error) => return error.into(),
    };
    let component = match answer.error {
        Some(error) => Err(error),
        None => deserialize(sandbox, &code),
    };
    Prepared { anatomy: answer.anatomy, component }
}

#[allow(
    unsafe_code,
    reason = "the code comes from a child process of this program, through a pipe that nobody else has: it is \
              as good as if this process had compiled it"
)]
fn deserialize(sandbox: &Sandbox, code: &[u8]) -> Result<wasmtime::component::Component, LoadError> {
    // SAFETY: the bytes are what `Component::serialize` wrote in the child.
    let component = unsafe { wasmtime::component::Component::deserialize(&sandbox.engine, code) };
    component.map_err(|error| LoadError::NoCompiler(format!("{error:#}")))
}

fn ask_child(
    sandbox: &Sandbox,
    program: &Path,
    bytes: &[u8],
    cancel: &Cancel,
) -> Result<(Answer, Vec<u8>), LoadError> {
    let Sandbox { options, ambient, .. } = sandbox;
    let no_compiler = |error: io::Error| LoadError::NoCompiler(format!("{}: {error}", program.display()));
    let order = Order {
        limits: options.limits.clone(),
        wasi: options.wasi,
        allocator: options.allocator,
        optimise: options.optimise,
        cache: options.cache.clone(),
        component_bytes: bytes.len(),
    };
    let mut child = start(program).map_err(no_compiler)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ends_at = ambient.monotonic() + Duration::from_millis(options.limits.compile_ms);

    let (finished, answers) = channel();
    std::thread::scope(|scope| {
        // A child that has ended does not read on: that is told by its answer.
        scope.spawn(move || stdin.map(|mut stdin| send(&mut stdin, &order, bytes)));
        let complaint = scope.spawn(move || {
            let mut kept = String::new();
            if let Some(mut stderr) = stderr {
                let _ = (&mut stderr).take(STDERR_KEPT).read_to_string(&mut kept);
                let _ = io::copy(&mut stderr, &mut io::sink());
            }
            kept
        });
        let most = most_code(&options.limits);
        scope.spawn(move || {
            let answered = stdout.map(|mut stdout| receive(&mut stdout, most)).transpose();
            let _ = finished.send(answered.map(Option::flatten));
        });
        let told = loop {
            match answers.recv_timeout(PATIENCE) {
                Ok(told) => break told.map_err(no_compiler),
                Err(RecvTimeoutError::Disconnected) => break Ok(None),
                Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => break Err(LoadError::Superseded),
                Err(RecvTimeoutError::Timeout) if ambient.monotonic() > ends_at => {
                    break Err(LoadError::CompilesTooLong { limit_ms: options.limits.compile_ms });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        // The threads end with the child's pipes.
        let is_too_large =
            matches!(&told, Ok(Some((answer, _))) if answer.code_bytes > most_code(&options.limits));
        if told.is_err() || is_too_large {
            let _ = child.kill();
        }
        let status = child.wait().map_err(no_compiler)?;
        let complaint = complaint.join().unwrap_or_default();
        match told? {
            None => Err(died(status, &complaint, &options.limits)),
            Some((answer, _)) if answer.code_bytes > most_code(&options.limits) => {
                Err(LoadError::CompilesTooLarge { limit: options.limits.compile_memory_bytes })
            }
            Some(answered) => Ok(answered),
        }
    })
}

fn start(program: &Path) -> io::Result<Child> {
    Command::new(program)
        .arg(COMPILE_COMMAND)
        .env_clear()
        // The allocator takes memory as it is used, so that the limit counts
        // what is used.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// The child ended without an answer: out of memory, or broken.
fn died(status: ExitStatus, complaint: &str, limits: &Limits) -> LoadError {
    let is_out_of_memory = complaint.contains("memory allocation") || complaint.contains("out of memory");
    if is_out_of_memory || is_killed(status) {
        return LoadError::CompilesTooLarge { limit: limits.compile_memory_bytes };
    }
    let last = complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    LoadError::NoCompiler(format!("the compiler ended with {status}: {last}"))
}

#[cfg(unix)]
fn is_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    status.signal() == Some(SIGKILL)
}

#[cfg(not(unix))]
fn is_killed(_: ExitStatus) -> bool {
    false
}

/// A JSON text behind its length, then bytes.
fn send(to: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    to.write_all(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    to.write_all(&head)?;
    to.write_all(body)?;
    to.flush()
}

/// The answer, and the compiled code, which is not read where it is too large.
/// None from a child that has ended before.
fn receive(from: &mut impl Read, most: u64) -> io::Result<Option<(Answer, Vec<u8>)>> {
    let mut length = [0; 4];
    if from.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let mut head = Vec::new();
    from.take(u32::from_le_bytes(length).into()).read_to_end(&mut head)?;
    let Ok(answer) = serde_json::from_slice(&head) else { return Ok(None) };
    drop(head);
    let answer: Answer = answer;
    if answer.code_bytes > most {
        return Ok(Some((answer, Vec::new())));
    }
    let mut code = vec![0; usize::try_from(answer.code_bytes).unwrap_or(0)];
    from.read_exact(&mut code)?;
    Ok(Some((answer, code)))
}

/// The compiled code that is taken, in bytes: child and parent have it at the
/// same time.
fn most_code(limits: &Limits) -> u64 {
    limits.compile_memory_bytes / 5
}

/// The child's part: reads an order and a component from standard input, and
/// writes the answer and the compiled code to standard output.
///
/// # Errors
///
/// When a pipe breaks, or the order is none.
pub fn compile_for_parent() -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut length = [0; 4];
    stdin.read_exact(&mut length)?;
    let mut head = vec![0; u32::from_le_bytes(length) as usize];
    stdin.read_exact(&mut head)?;
    let order: Order = serde_json::from_slice(&head)?;
    limit_this_process(&order.limits);

    let mut bytes = vec![0; order.component_bytes];
    stdin.read_exact(&mut bytes)?;
    let options = Options {
        limits: order.limits,
        wasi: order.wasi,
        allocator: order.allocator,
        optimise: order.optimise,
        cache: order.cache,
        ..Options::default()
    };
    let engine = Sandbox::start_compiler(&options).map_err(io::Error::other)?;
    let Prepared { anatomy, component } = prepare(&engine, &options, &bytes);
    let serialized = component.and_then(|component| {
        component.serialize().map_err(|error| LoadError::NotCompiled(format!("{error:#}")))
    });
    let (error, code) = match serialized {
        Ok(code) => (None, code),
        Err(error) => (Some(error), Vec::new()),
    };
    let code_bytes = code.len() as u64;
    send(&mut io::stdout().lock(), &Answer { anatomy, error, code_bytes }, &code)
}

/// The memory of the child, and its processor time: should the parent be gone,
/// nobody else ends it.
#[cfg(unix)]
fn limit_this_process(limits: &Limits) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
    let most = |value| Rlimit { current: Some(value), maximum: Some(value) };
    // Fails where the operator's own limit is lower still.
    let _ = setrlimit(Resource::Data, most(limits.compile_memory_bytes));
    let _ = setrlimit(Resource::Core, most(0));
    let seconds = limits.compile_ms.div_ceil(1000);
    let _ = setrlimit(Resource::Cpu, most(seconds.saturating_mul(8)));
}

#[cfg(not(unix))]
fn limit_this_process(_: &Limits) {}

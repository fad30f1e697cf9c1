//! Compiling in a child process, with limits of time and memory: a file of a few
//! kilobytes can keep a compiler busy for minutes.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::compile::{ComponentBytes, Prepared, check, check_file, compile};
use super::engine::Sandbox;
use super::failure::LoadError;
use super::kept_code::{Components, KeptCode};
use super::options::{Allocator, Options};
use super::profile::Wasi;
use super::structure::Structure;
use crate::limits::Limits;

/// The command that makes this program the compiling child process.
pub const COMPILE_COMMAND: &str = "compile-plugin";

/// A flag that cancels a compilation. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Cancels the compilation, which ends soon with [`LoadError::Superseded`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The parent's request: everything that the compiled code depends on. The
/// component's bytes follow.
#[derive(Serialize, Deserialize)]
struct CompileRequest {
    limits: Limits,
    wasi: Wasi,
    allocator: Allocator,
    optimise: bool,
    /// Whether the parent needs the code. If it has it, the child only checks the structure.
    is_compiled: bool,
    component_bytes: usize,
}

/// The child's response. The compiled code follows if there is no error.
#[derive(Serialize, Deserialize)]
struct CompileResponse {
    structure: Option<Structure>,
    error: Option<LoadError>,
    code_bytes: u64,
}

/// The interval at which the parent checks the time limit and the cancellation.
const POLL: Duration = Duration::from_millis(20);
/// The most bytes of the child's standard error that are kept.
const MAX_STDERR: u64 = 4 << 10;

/// Checks and compiles components in child processes.
pub(super) struct ChildCompiler<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) program: &'a Path,
    pub(super) kept_code: &'a KeptCode,
    pub(super) cancel: &'a Cancel,
}

impl ChildCompiler<'_> {
    /// Checks a component in a child process, and compiles it there unless its code is kept. A hostile
    /// component can take much memory to check, too.
    pub(super) fn prepare(&self, component: ComponentBytes<'_>) -> Prepared<Components> {
        let ComponentBytes { bytes, sha256 } = component;
        if let Err(error) = check_file(bytes, self.sandbox.options.limits.component_bytes) {
            return error.into();
        }
        if self.cancel.is_cancelled() {
            return LoadError::Superseded.into();
        }
        let kept = self.kept_code.find(sha256);
        let (response, code) = match run_child(self, bytes, kept.is_none()) {
            Ok(responded) => responded,
            Err(error) => return error.into(),
        };
        let component = match (response.error, kept) {
            (Some(error), _) => Err(error),
            (None, Some(kept)) => Ok(kept),
            (None, None) => {
                let loaded = self.kept_code.load(sha256, &code);
                loaded.map_err(|error| LoadError::NoCompiler(format!("{error:#}")))
            }
        };
        Prepared { structure: response.structure, component }
    }
}

/// Runs a child process, and ends it at a limit. Returns its response and the
/// compiled code.
fn run_child(
    compiler: &ChildCompiler<'_>,
    bytes: &[u8],
    is_compiled: bool,
) -> Result<(CompileResponse, Vec<u8>), LoadError> {
    let ChildCompiler { sandbox, program, cancel, .. } = compiler;
    let Sandbox { options, ambient, .. } = sandbox;
    let no_compiler = |error: io::Error| LoadError::NoCompiler(format!("{}: {error}", program.display()));
    let request = CompileRequest {
        limits: options.limits.clone(),
        wasi: options.wasi,
        allocator: options.allocator,
        optimise: options.optimise,
        is_compiled,
        component_bytes: bytes.len(),
    };
    let mut child = start_child(program).map_err(no_compiler)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ends_at = ambient.monotonic() + Duration::from_millis(options.limits.compile_ms);

    let (finished, responses) = channel();
    std::thread::scope(|scope| {
        // A failure to send is ignored: it means that the child has ended, and then its
        // response is missing.
        scope.spawn(move || stdin.map(|mut stdin| send(&mut stdin, &request, bytes)));
        let stderr = scope.spawn(move || {
            let mut kept = String::new();
            if let Some(mut stderr) = stderr {
                let _ = (&mut stderr).take(MAX_STDERR).read_to_string(&mut kept);
                let _ = io::copy(&mut stderr, &mut io::sink());
            }
            kept
        });
        let max_code = max_code_bytes(&options.limits);
        scope.spawn(move || {
            let response = stdout.map(|mut stdout| receive(&mut stdout, max_code)).transpose();
            let _ = finished.send(response.map(Option::flatten));
        });
        let received = loop {
            match responses.recv_timeout(POLL) {
                Ok(received) => break received.map_err(no_compiler),
                Err(RecvTimeoutError::Disconnected) => break Ok(None),
                Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => break Err(LoadError::Superseded),
                Err(RecvTimeoutError::Timeout) if ambient.monotonic() > ends_at => {
                    break Err(LoadError::CompilesTooLong { limit_ms: options.limits.compile_ms });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        // The threads end when the child's pipes close.
        let is_too_large = matches!(&received, Ok(Some((response, _))) if response.code_bytes > max_code);
        if received.is_err() || is_too_large {
            let _ = child.kill();
        }
        let status = child.wait().map_err(no_compiler)?;
        let stderr = stderr.join().unwrap_or_default();
        match received? {
            None => Err(explain_end(status, &stderr, &options.limits)),
            Some((response, _)) if response.code_bytes > max_code => {
                Err(LoadError::CompilesTooLarge { limit: options.limits.compile_memory_bytes })
            }
            Some(responded) => Ok(responded),
        }
    })
}

fn start_child(program: &Path) -> io::Result<Child> {
    Command::new(program)
        .arg(COMPILE_COMMAND)
        .env_clear()
        // The allocator reserves no memory ahead, so that the limit counts only
        // memory in use.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Finds the reason why a child ended without a response: it ran out of memory, or
/// it failed.
fn explain_end(status: ExitStatus, stderr: &str, limits: &Limits) -> LoadError {
    let is_out_of_memory = stderr.contains("memory allocation") || stderr.contains("out of memory");
    if is_out_of_memory || is_killed(status) {
        return LoadError::CompilesTooLarge { limit: limits.compile_memory_bytes };
    }
    let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
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

/// Writes the length of a JSON text, the text, and then bytes.
fn send(to: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    to.write_all(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    to.write_all(&head)?;
    to.write_all(body)?;
    to.flush()
}

/// Reads the response and the compiled code, which is skipped if it is too large.
/// Returns none if the child ended before its response.
fn receive(from: &mut impl Read, max_code: u64) -> io::Result<Option<(CompileResponse, Vec<u8>)>> {
    let mut length = [0; 4];
    if from.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let mut head = Vec::new();
    from.take(u32::from_le_bytes(length).into()).read_to_end(&mut head)?;
    let Ok(response) = serde_json::from_slice(&head) else { return Ok(None) };
    drop(head);
    let response: CompileResponse = response;
    if response.code_bytes > max_code {
        return Ok(Some((response, Vec::new())));
    }
    let mut code = vec![0; usize::try_from(response.code_bytes).unwrap_or(0)];
    from.read_exact(&mut code)?;
    Ok(Some((response, code)))
}

/// The most bytes of compiled code. A fifth of the memory limit, because child and
/// parent hold the code at the same time.
fn max_code_bytes(limits: &Limits) -> u64 {
    limits.compile_memory_bytes / 5
}

/// Runs the child process: reads a request and a component from standard input, and
/// writes the response and the compiled code to standard output.
///
/// # Errors
///
/// When a pipe breaks, or the request cannot be read.
pub fn compile_for_parent() -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut length = [0; 4];
    stdin.read_exact(&mut length)?;
    let mut head = vec![0; u32::from_le_bytes(length) as usize];
    stdin.read_exact(&mut head)?;
    let request: CompileRequest = serde_json::from_slice(&head)?;
    limit_this_process(&request.limits);

    let mut bytes = vec![0; request.component_bytes];
    stdin.read_exact(&mut bytes)?;
    let options = Options {
        limits: request.limits,
        wasi: request.wasi,
        allocator: request.allocator,
        optimise: request.optimise,
        ..Options::default()
    };
    let engine = request.is_compiled.then(|| Sandbox::start_compiler(&options)).transpose();
    let engine = engine.map_err(io::Error::other)?;
    let Prepared { structure, component: code } = check(&bytes, &options)
        .and_then(|()| engine.map_or(Ok(Vec::new()), |engine| compile(&engine, &bytes)));
    let (error, code) = match code {
        Ok(code) => (None, code),
        Err(error) => (Some(error), Vec::new()),
    };
    let code_bytes = code.len() as u64;
    send(&mut io::stdout().lock(), &CompileResponse { structure, error, code_bytes }, &code)
}

/// Limits the memory and the processor time of the child, which no process ends if
/// the parent is gone.
#[cfg(unix)]
fn limit_this_process(limits: &Limits) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
    let limit = |value| Rlimit { current: Some(value), maximum: Some(value) };
    // Fails if the operator's own limit is lower.
    let _ = setrlimit(Resource::Data, limit(limits.compile_memory_bytes));
    let _ = setrlimit(Resource::Core, limit(0));
    let seconds = limits.compile_ms.div_ceil(1000);
    let _ = setrlimit(Resource::Cpu, limit(seconds.saturating_mul(8)));
}

#[cfg(not(unix))]
fn limit_this_process(_: &Limits) {}

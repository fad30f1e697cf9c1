//! Three PostgreSQL servers under Patroni, and etcd, on loopback.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ligature_test_servers::reserve_port;
use postgres::{Client, NoTls};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{self, Request, Response};
use crate::packages::Packages;

const SERVERS: usize = 3;
/// The maximum wait for the cluster to recover. A lock that is not renewed expires after 20 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// The cluster. It ends with this value, or with this process.
pub(crate) struct Cluster {
    folder: TempDir,
    packages: Packages,
    /// The user that the processes run as, if this one runs as root.
    user: Option<String>,
    members: Vec<Member>,
    /// The processes that the cluster starts itself. Patroni starts the servers.
    children: Mutex<Vec<Child>>,
    reaper: Child,
}

/// One server with its Patroni.
struct Member {
    name: String,
    port: u16,
    rest: u16,
}

/// Ends whatever names the folder in its command line as soon as its input ends,
/// which is when the suite does, however that is.
const REAPER: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for round in 1 2 3 4 5; do
    for process in /proc/[0-9]*; do
        case "$(tr '\0' ' ' <"$process/cmdline")" in
            *"$FOLDER/"*) kill -KILL "${process#/proc/}" ;;
        esac
    done
    sleep 0.1
done 2>/dev/null
rm -rf "$FOLDER"
"#;

impl Cluster {
    pub(crate) fn start(packages: &Packages) -> Self {
        let folder = tempfile::Builder::new().prefix("ligature-cluster-").tempdir().expect("a folder");
        let user = ligature_test_servers::ordinary_user(folder.path());
        // The target folder may be where that user cannot read.
        let copy = folder.path().join("packages");
        let copied = Command::new("cp").arg("-R").arg(&packages.patroni).arg(&copy).status();
        assert!(copied.is_ok_and(|status| status.success()), "{} is copied", packages.patroni.display());
        let reaper = Command::new("sh")
            .args(["-c", REAPER])
            .env("FOLDER", folder.path())
            // A key that ends the suite is not for it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("sh runs");
        let ports: Vec<u16> = (0..2 + 2 * SERVERS).map(|_| reserve_port()).collect();
        let members = (0..SERVERS)
            .map(|number| Member {
                name: format!("server{}", number + 1),
                port: ports[2 + 2 * number],
                rest: ports[3 + 2 * number],
            })
            .collect();
        let packages = Packages { patroni: copy, ..packages.clone() };
        let this = Self { folder, packages, user, members, children: Mutex::default(), reaper };
        this.start_etcd(ports[0], ports[1]);
        for member in &this.members {
            this.write_configuration(member, ports[0]);
            this.start_patroni(member);
        }
        this.await_whole();
        this
    }

    /// Processes that name a file of this folder on their command line end with it.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A program, as the user who may run servers.
    fn command(&self, program: &Path) -> Command {
        let mut command = match &self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.env("LC_ALL", "C.UTF-8").current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            // They are for those who connect.
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command
    }

    fn spawn(&self, mut command: Command, name: &str) {
        let log = File::options().create(true).append(true).open(self.path().join(name)).expect("a log");
        command.stdout(log.try_clone().expect("a log")).stderr(log).process_group(0);
        let child = command.spawn().unwrap_or_else(|why| panic!("{name}: {why}"));
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    }

    fn start_etcd(&self, clients: u16, peers: u16) {
        let (clients, peers) = (format!("http://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
        let mut command = self.command(&self.packages.etcd);
        command.arg("--data-dir").arg(self.path().join("etcd")).args(["--name", "one"]);
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        command.args(["--initial-cluster", &format!("one={peers}")]);
        self.spawn(command, "etcd.log");
    }

    fn start_patroni(&self, member: &Member) {
        let mut command = self.command(Path::new(self.packages.python));
        command.env("PYTHONPATH", &self.packages.patroni).args(["-m", "patroni"]);
        command.arg(self.configuration(member));
        self.spawn(command, &format!("{}.log", member.name));
    }

    fn configuration(&self, member: &Member) -> std::path::PathBuf {
        self.path().join(format!("{}.yml", member.name))
    }

    /// <https://patroni.readthedocs.io/en/latest/yaml_configuration.html>: what
    /// is confirmed is on two servers, and no other than these two may lead.
    fn write_configuration(&self, member: &Member, etcd: u16) {
        let Member { name, port, rest } = member;
        let (here, rest) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{rest}"));
        let superuser = json!({ "username": "ligature", "password": "unused" });
        let configuration = json!({
            "scope": "ligature",
            "name": name,
            "restapi": { "listen": rest, "connect_address": rest },
            "etcd3": { "host": format!("127.0.0.1:{etcd}") },
            "bootstrap": {
                "dcs": {
                    // The least that Patroni takes.
                    "ttl": 20,
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    "synchronous_mode": true,
                    "synchronous_mode_strict": true,
                    "postgresql": { "use_pg_rewind": true, "parameters": { "max_connections": 100 } },
                },
                "initdb": [{ "encoding": "UTF8" }, { "auth": "trust" }, "no-sync"],
                "pg_hba": ["local all all trust", "host all,replication all 127.0.0.1/32 trust"],
            },
            "postgresql": {
                "listen": here,
                "connect_address": here,
                "data_dir": self.path().join(name),
                "bin_dir": self.packages.postgres,
                "pgpass": self.path().join(format!("{name}.pgpass")),
                "authentication": {
                    "superuser": superuser,
                    "rewind": superuser,
                    "replication": { "username": "replicator", "password": "unused" },
                },
                "parameters": {
                    "unix_socket_directories": self.path(),
                    "shared_buffers": "16MB",
                    // No machine fails here, only processes.
                    "fsync": "off",
                },
            },
        });
        fs::write(self.configuration(member), configuration.to_string()).expect("a file is written");
    }

    /// The URL of a database, with all servers.
    pub(crate) fn url(&self, database: &str) -> String {
        let hosts: Vec<String> =
            self.members.iter().map(|member| format!("127.0.0.1:{}", member.port)).collect();
        format!("postgres://ligature@{}/{database}?target_session_attrs=read-write", hosts.join(","))
    }

    /// The same in libpq's environment variables.
    pub(crate) fn environment(&self, database: &str) -> Vec<(&'static str, String)> {
        let ports: Vec<String> = self.members.iter().map(|member| member.port.to_string()).collect();
        vec![
            ("PGHOST", ["127.0.0.1"; SERVERS].join(",")),
            ("PGPORT", ports.join(",")),
            ("PGUSER", "ligature".to_owned()),
            ("PGDATABASE", database.to_owned()),
        ]
    }

    pub(crate) fn client(&self, database: &str) -> Client {
        Client::connect(&self.url(database), NoTls).expect("the leader answers")
    }

    pub(crate) fn create_database(&self, name: &str) {
        self.client("postgres").batch_execute(&format!("CREATE DATABASE {name}")).expect("a database");
    }

    /// Waits until there is a leader and every other server follows it, one of
    /// them synchronously.
    pub(crate) fn await_whole(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let roles = self.roles();
            let count = |role: &str, state: &str| {
                roles.iter().filter(|(_, it, at)| it == role && at == state).count()
            };
            let (leaders, synchronous) = (count("leader", "running"), count("sync_standby", "streaming"));
            if (leaders, synchronous, count("replica", "streaming")) == (1, 1, SERVERS - 2) {
                return;
            }
            assert!(Instant::now() < until, "the cluster is not whole: {roles:?}\n{}", self.story());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Name, role and state of each, as the first Patroni says that answers.
    fn roles(&self) -> Vec<(String, String, String)> {
        let answers = |member: &Member| ask(member.rest, &Request::get("/cluster"));
        let Some(answer) = self.members.iter().find_map(answers) else { return Vec::new() };
        let members = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["members"].take();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let role = |it: &Value| (text(&it["name"]), text(&it["role"]), text(&it["state"]));
        members.as_array().into_iter().flatten().map(role).collect()
    }

    fn member_as(&self, role: &str) -> &Member {
        let roles = self.roles();
        let (name, ..) = roles.iter().find(|(_, it, _)| it == role).expect("there is one");
        self.members.iter().find(|member| member.name == *name).expect("it is one of ours")
    }

    /// Ends the leader's processes without a warning, and starts it again when
    /// another one leads.
    pub(crate) fn kill_leader(&self) {
        let leader = self.member_as("leader");
        self.kill_patroni(leader);
        let file = fs::read_to_string(self.path().join(&leader.name).join("postmaster.pid")).unwrap();
        let server = file.lines().next().expect("a process id");
        let killed = Command::new("kill").args(["-KILL", server]).status();
        assert!(killed.is_ok_and(|status| status.success()), "the leader was running");

        let until = Instant::now() + PATIENCE;
        let leads = |member: &&Member| {
            ask(member.rest, &Request::get("/primary")).is_some_and(|answer| answer.status == 200)
        };
        while !self.members.iter().any(|member| leads(&member)) {
            assert!(Instant::now() < until, "no other server leads: {:?}\n{}", self.roles(), self.story());
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_ne!(self.member_as("leader").name, leader.name);
        self.start_patroni(leader);
    }

    fn kill_patroni(&self, member: &Member) {
        let configuration = self.configuration(member);
        let is_it = |child: &Child| {
            let line = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|part| part == configuration.as_os_str().as_encoded_bytes())
        };
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let child = children.iter_mut().find(|child| is_it(child)).expect("it runs");
        child.kill().and_then(|()| child.wait()).expect("it is ours");
    }

    /// Makes the synchronous server the leader.
    pub(crate) fn switch_over(&self) {
        let (leader, next) = (self.member_as("leader"), self.member_as("sync_standby"));
        let body = json!({ "leader": leader.name, "candidate": next.name });
        let answer = ask(leader.rest, &Request::post("/switchover").json(&body)).expect("Patroni answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(self.member_as("leader").name, next.name);
    }

    /// Restarts every server, the leader among them, one after the other.
    pub(crate) fn restart_each(&self) {
        for member in &self.members {
            let answer =
                ask(member.rest, &Request::post("/restart").json(&json!({}))).expect("Patroni answers");
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.await_whole();
        }
    }

    /// The ends of the logs.
    fn story(&self) -> String {
        let end = |name: &str| {
            let log = fs::read_to_string(self.path().join(name)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            format!("--- {name}\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        let names = self.members.iter().map(|member| format!("{}.log", member.name));
        names.chain(["etcd.log".to_owned()]).map(|name| end(&name)).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        let _ = self.reaper.wait();
        for child in self.children.get_mut().unwrap_or_else(PoisonError::into_inner) {
            let _ = child.wait();
        }
    }
}

/// Asks a Patroni, which may not be there.
fn ask(port: u16, request: &Request) -> Option<Response> {
    let host = format!("127.0.0.1:{port}");
    let mut stream = TcpStream::connect(&host).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(&request.bytes(&host)).ok()?;
    http::answer(&mut stream)
}

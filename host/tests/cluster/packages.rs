//! Programs that the suite needs: PostgreSQL and etcd of the machine, and Patroni
//! of PyPI, which is installed beside the build.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use ligature_test_servers::{output, unless_stamped};

const PINS: &str = include_str!("requirements.txt");

/// The places of the programs.
#[derive(Clone)]
pub(crate) struct Packages {
    /// The folder of `initdb` and `postgres`.
    pub(crate) postgres: PathBuf,
    pub(crate) etcd: PathBuf,
    /// A Python that every user of the machine may run.
    pub(crate) python: &'static str,
    /// The folder of Patroni and what it imports.
    pub(crate) patroni: PathBuf,
}

/// Installs missing packages. `Err`: why this is not possible.
pub(crate) fn prepare() -> Result<Packages, String> {
    if !cfg!(target_os = "linux") {
        return Err("it ends its processes by what /proc says, which only Linux has".to_owned());
    }
    let postgres =
        ligature_test_servers::binaries().ok_or("there is no initdb and postgres on this machine")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let etcd = std::env::split_paths(&path).map(|folder| folder.join("etcd")).find(|file| file.is_file());
    let etcd = etcd.ok_or("there is no etcd on this machine")?;
    // The servers run as an ordinary user, who may not read one that somebody
    // installed at home.
    let system = "/usr/bin/python3";
    let python = if Path::new(system).exists() { system } else { "python3" };
    Ok(Packages { postgres, etcd, python, patroni: patroni(python)? })
}

fn patroni(python: &str) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let folder = target.join("cluster");
    fs::create_dir_all(&folder).expect("a folder");
    // Another `cargo test` may be at it too; the lock ends with the file.
    let lock = File::create(folder.join("lock")).expect("a file");
    lock.lock().expect("it is locked");
    let check =
        "import ensurepip, sys, venv; assert sys.version_info >= (3, 11), sys.version; print(sys.version)";
    let version = output(Command::new(python).args(["-c", check]))?;
    let packages = folder.join("packages");
    unless_stamped(&packages, &(version + PINS), || {
        let _ = fs::remove_dir_all(&packages);
        let venv = folder.join("venv");
        output(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, PINS).map_err(|error| format!("{}: {error}", requirements.display()))?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        // The two have no other form.
        pip.args(["--require-hashes", "--only-binary=:all:", "--no-binary=python-etcd,ydiff"]);
        output(pip.arg("--target").arg(&packages).arg("-r").arg(&requirements))
    })?;
    Ok(packages)
}

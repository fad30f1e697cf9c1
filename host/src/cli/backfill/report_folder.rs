//! The folder of a report. It appears whole, or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use tempfile::TempDir;

use crate::backfill::{Plan, Report, TableError, render_page, write_table};
use crate::cli::Exit;
use crate::harness::group_thousands;
use crate::reading::describe_io_error;

/// The names of the files.
const PLAN: &str = "plan.ndjson";
const TABLE: &str = "plan.csv";
const PAGE: &str = "report.html";

/// A folder that is being written, under another name.
pub(super) struct ReportFolder {
    folder: PathBuf,
    partial: TempDir,
}

impl ReportFolder {
    /// Begins a folder, for its owner only. A folder that contains something is refused.
    pub(super) fn create(folder: &Path) -> Result<Self, Exit> {
        let refused = |why: &str| Exit::unreadable(anyhow!("--report {}: {why}", folder.display()));
        let cannot = |error: io::Error| refused(&describe_io_error(&error));
        if fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(refused("this is a symbolic link; name the folder itself"));
        }
        match fs::read_dir(folder) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(refused("this folder is not empty; name another one, which is created"));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot(error)),
        }
        // A preview that is refused creates no folder.
        let parents = folder.ancestors().skip(1).filter(|parent| *parent != Path::new(""));
        let parent = parents.into_iter().find(|parent| parent.exists()).unwrap_or(Path::new("."));
        // Without the name of the temporary folder.
        let plain = |error: io::Error| cannot(error.kind().into());
        let partial = new_private_folder().tempdir_in(parent).map_err(plain)?;
        Ok(Self { folder: folder.to_owned(), partial })
    }

    /// Returns the path until the report is complete.
    pub(super) fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Creates the file of the plan.
    pub(super) fn create_plan(&self) -> Result<BufWriter<File>, Exit> {
        self.create_file(PLAN)
    }

    /// Writes table and page of the plan, and gives the folder its name.
    pub(super) fn finish(self, users: u64) -> Result<(), Exit> {
        let plan = Plan::open(&self.path().join(PLAN)).map_err(Exit::failed)?;
        write_table(&plan, self.create_file(TABLE)?).map_err(|error| match error {
            TableError::Unwritable(error) => self.explain(TABLE, &error),
            TableError::Plan(error) => Exit::failed(error),
        })?;
        let report = Report::of_plan(&plan, users).map_err(Exit::failed)?;
        let page = render_page(&plan.header, &report, group_thousands).map_err(Exit::failed)?;
        fs::write(self.path().join(PAGE), page).map_err(|error| self.explain(PAGE, &error))?;
        for name in [PLAN, TABLE, PAGE] {
            let file = File::open(self.path().join(name));
            file.and_then(|file| file.sync_all()).map_err(|error| self.explain(name, &error))?;
        }
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent).map_err(|error| self.explain("the folder", &error))?;
        }
        fs::rename(self.path(), &self.folder).map_err(|error| self.explain("the folder", &error))?;
        // The folder has its final name, so that nothing of the partial one is left to remove.
        let _ = self.partial.keep();
        Ok(())
    }

    fn create_file(&self, name: &str) -> Result<BufWriter<File>, Exit> {
        let file = File::create_new(self.path().join(name)).map_err(|error| self.explain(name, &error))?;
        Ok(BufWriter::with_capacity(1 << 18, file))
    }

    fn explain(&self, name: &str, error: &io::Error) -> Exit {
        let (folder, why) = (self.folder.display(), describe_io_error(error));
        Exit::failed(anyhow!("--report {folder}: {name} cannot be written: {why}; no report was written"))
    }
}

/// Returns the settings of a temporary folder that only its owner can read.
fn new_private_folder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ligature-report-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    builder
}

//! Settings of the executable channel (spec 3.3).

use std::path::Path;

use annunciator_planner::Limit;
use annunciator_settings::{Format, NotifyAbout, Problem, TextList, settings};
use annunciator_template::{Purpose, Template};

use crate::Executables;

fn check_template(text: &str) -> Result<(), String> {
    Template::parse(text, Purpose::Executable).map(drop).map_err(|error| error.to_string())
}

fn check_path(text: &str) -> Result<(), String> {
    if Path::new(text).is_absolute() {
        Ok(())
    } else {
        Err("must be an absolute path, such as /etc/annunciator/notify.d/page".to_owned())
    }
}

settings! {
    /// Which events start an executable, which one, with which arguments, and what it may use.
    pub struct ExecutableSettings / ExecutableSettingsLayer {
        /// Which events start the executable: `all`, a list of severities, or `configured` (only
        /// where the event configuration says so).
        notify_about: NotifyAbout = NotifyAbout::Severities(Vec::new()), server_only();
        /// Whether these events start the executable, whatever `notify_about` says.
        notify: bool = false, override_only();
        /// The executable: an absolute path on the server, inside a folder that `executable_dirs`
        /// of the bootstrap config names.
        ///
        /// It must be a regular file that the server may execute and that nobody else may change.
        /// It is started without a shell; the event comes as JSON on standard input and as
        /// environment variables.
        file: String = String::new(), chars_max(4_096), check(check_path), leads_unit("program");
        /// Arguments, a list of templates: each stays one argument whatever the event holds.
        arguments: Vec<String> = Vec::new(), format(Format::Template), chars_max(8_192),
            items_max(100), check(check_template), unit("program");
        /// Longest run; then it is ended with all that it has started.
        time_limit_s: u32 = 60, range(1, 600), measure("seconds"), unit("program");
        /// Most memory of one of its processes.
        memory_mb_max: u32 = 1_024, range(16, 1_048_576), measure("MiB"), unit("program");
        /// Most processes that it may have at one time.
        processes_max: u32 = 128, range(1, 10_000), unit("program");
        /// Folders that it may write to, besides a private one that is removed after the run;
        /// separated by `;` or `,`. None may hold the server's data, its key or a folder of
        /// executables, nor lie in one of them.
        writable_dirs: TextList = TextList::default(), chars_max(4_096), items_max(20),
            check(check_path), unit("program");
        /// Most runs at the same time.
        concurrency_max: u32 = 4, range(1, 64), unit("program");
        /// At most so many notifications in any period of that length; what is beyond is recorded
        /// as limited, and one summary tells how many were.
        limit: Option<Limit> = None;
    }
}

impl ExecutableSettings {
    /// What cannot be saved, with pointers below the group.
    #[must_use]
    pub fn find_problems(&self, executables: &Executables) -> Vec<Problem> {
        let mut problems = self.find_file_problems(executables);
        let kept = || executables.hidden.iter().chain(&executables.dirs);
        for folder in self.writable_dirs.iter() {
            if let Some(kept) = annunciator_launcher::laid_open(Path::new(folder), kept()) {
                let words = format!(
                    "{folder} would lay {} open to the executable: take another folder, which \
                     neither holds that nor lies in it",
                    kept.display()
                );
                problems.push(Problem::new("executable", words).under("writable_dirs"));
            }
        }
        problems
    }

    fn find_file_problems(&self, executables: &Executables) -> Vec<Problem> {
        if self.file.is_empty() {
            return Vec::new();
        }
        let checked = annunciator_launcher::check_file(Path::new(&self.file), &executables.dirs);
        let problem = |detail: String| Problem::new("executable", detail).under("file");
        match checked {
            _ if executables.dirs.is_empty() => {
                let words = "the bootstrap config names no folder for executables: add \
                             `executable_dirs = [\"/etc/annunciator/notify.d\"]` to it and restart";
                vec![problem(words.to_owned())]
            }
            Ok(_) => Vec::new(),
            Err(error) => vec![problem(error.to_string())],
        }
    }
}

#[cfg(test)]
mod tests {
    use annunciator_settings::{SettingsGroup as _, find_faults};

    use super::*;

    #[test]
    fn the_definitions_have_no_faults() {
        assert_eq!(find_faults(ExecutableSettings::definitions()), Vec::<String>::new());
    }

    #[test]
    fn a_folder_to_write_to_must_not_lay_open_what_is_kept() {
        let executables = Executables {
            dirs: vec!["/etc/annunciator/notify.d".into()],
            hidden: vec!["/var/lib/annunciator".into()],
        };
        let check = |folder: &str, kept: &str| {
            let writable_dirs = TextList::from_iter(["/srv/spool".to_owned(), folder.to_owned()]);
            let settings = ExecutableSettings { writable_dirs, ..ExecutableSettings::default() };
            let problems = settings.find_problems(&executables);
            assert_eq!(problems.len(), usize::from(!kept.is_empty()), "{folder}");
            for problem in problems {
                assert_eq!(problem.pointer, "/writable_dirs");
                assert!(problem.detail.contains(kept), "{}", problem.detail);
            }
        };
        check("/", "/var/lib/annunciator");
        check("/var/lib/annunciator/spool", "/var/lib/annunciator");
        check("/etc/annunciator", "/etc/annunciator/notify.d");
        check("/var/spool", "");
    }
}

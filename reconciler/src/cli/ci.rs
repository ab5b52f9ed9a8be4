//! What a job of a CI service is told beside the log: problems at their lines, plans where reviewers look.
//!
//! Only with `--ci`: a tool that writes into somebody's summary, or folds their log, because a variable happens to be set,
//! surprises them; and their workflow may well do so itself. With it, the service is known by its own variables. All of it goes
//! to standard error or to files, so that standard output stays the data that was asked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::environment::Environment;
use super::refusal::{Fault, Refusal};
use super::report::plan::{Counts, markdown};
use super::words;
use crate::event::{Event, EventSink};
use crate::plan::Plan;
use crate::source::chalice::diagnostic::{Place, Problem, Severity};

mod github;
mod gitlab;
mod reports;

pub use reports::Finding;

/// A job of a CI service.
#[derive(Clone, Debug)]
pub struct Ci {
    service: Service,
    /// What the plans and problems of this job are about.
    title: String,
    /// The project's folder, as the service names it: relative to the repository.
    folder: PathBuf,
    reports: Option<PathBuf>,
    findings: Arc<Mutex<Vec<Finding>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Service {
    /// One that has no words of its own.
    Plain,
    GitHub {
        summary: Option<PathBuf>,
    },
    GitLab,
}

impl Ci {
    /// The job in which this process runs, about `stage` of the project in `project`. `reports` is a folder for files.
    pub fn of(environment: &Environment, project: &Path, stage: &str, reports: Option<&Path>) -> Self {
        let is_set = |name: &str| environment.text(name).is_some_and(|value| value != "false");
        let (service, root) = if is_set("GITHUB_ACTIONS") {
            let summary = environment.get("GITHUB_STEP_SUMMARY").map(PathBuf::from);
            (Service::GitHub { summary }, "GITHUB_WORKSPACE")
        } else if is_set("GITLAB_CI") {
            (Service::GitLab, "CI_PROJECT_DIR")
        } else {
            (Service::Plain, "")
        };
        let root = environment.get(root).map(PathBuf::from);
        let root = root.map(|root| std::fs::canonicalize(&root).unwrap_or(root));
        let folder = root.and_then(|root| Some(project.strip_prefix(root).ok()?.to_path_buf()));
        Self {
            service,
            title: format!("stage {stage}"),
            folder: folder.unwrap_or_else(|| project.to_path_buf()),
            reports: reports.map(Path::to_path_buf),
            findings: Arc::default(),
        }
    }

    /// Tells why a command ends early.
    pub fn refused(&self, refusal: &Refusal) {
        let problems = refusal.problems.iter().flat_map(|problems| &problems.0);
        problems.for_each(|problem| self.problem(problem));
        for fault in &refusal.faults {
            self.find(Finding::of_fault(fault));
        }
    }

    /// Tells a problem of the project.
    pub fn problem(&self, problem: &Problem) {
        self.find(Finding::of_problem(problem));
    }

    /// Tells something that is no problem of a file.
    pub fn warn(&self, code: &str, text: &str) {
        self.find(Finding::warning(code, text));
    }

    fn find(&self, mut finding: Finding) {
        if let Some(file) = &mut finding.file
            && file.is_relative()
        {
            *file = self.folder.join(&file);
        }
        if let Service::GitHub { .. } = self.service {
            words::words(&github::annotation(&finding, &self.title));
        }
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        if !findings.contains(&finding) {
            findings.push(finding);
            self.report("problems.json", &gitlab::code_quality(&findings));
        }
    }

    /// Tells what would be done, or is about to be.
    pub fn planned(&self, plan: &Plan, command: &str) {
        let text = format!("### grail {command}: {}\n\n{}\n", self.title, markdown(plan));
        if let Service::GitHub { summary: Some(file) } = &self.service {
            github::summarise(file, &text);
        }
        self.report("plan.md", &github::within(&text, github::COMMENT));
        self.report("plan.json", &gitlab::counts(&Counts::of(plan)));
    }

    /// How it ended, for the summary.
    fn ended(&self, said: &str) {
        if let Service::GitHub { summary: Some(file) } = &self.service {
            github::summarise(file, &format!("{said}\n\n"));
        }
    }

    /// Begins a part of the log that can be folded. Ends with [`Ci::unfold`].
    fn fold(&self, title: &str) {
        match self.service {
            Service::GitLab => words::words(&gitlab::section_start("grail_steps", title, Timestamp::now())),
            Service::GitHub { .. } => words::words(&github::group(title)),
            Service::Plain => {}
        }
    }

    fn unfold(&self) {
        match self.service {
            Service::GitLab => words::words(&gitlab::section_end("grail_steps", Timestamp::now())),
            Service::GitHub { .. } => words::words(github::END_OF_GROUP),
            Service::Plain => {}
        }
    }

    /// A report that cannot be written is told, and fails nothing.
    fn report(&self, name: &str, text: &str) {
        let Some(folder) = &self.reports else { return };
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(folder.join(name), text));
        if let Err(error) = written {
            let file = folder.join(name);
            words::words(&format!(
                "warning: {} could not be written: {error}\n",
                file.display()
            ));
        }
    }

    /// Tells the service of the events that pass on to `inner`.
    pub fn listening(&self, command: &'static str, inner: Box<dyn EventSink>) -> Box<dyn EventSink> {
        Box::new(Listening {
            ci: self.clone(),
            command,
            inner,
            folded: false,
        })
    }
}

struct Listening {
    ci: Ci,
    command: &'static str,
    inner: Box<dyn EventSink>,
    folded: bool,
}

impl Listening {
    fn unfold(&mut self) {
        if std::mem::take(&mut self.folded) {
            self.ci.unfold();
        }
    }
}

impl EventSink for Listening {
    fn emit(&mut self, event: &Event) {
        match event {
            Event::Planned { plan } => {
                self.ci.planned(plan, self.command);
                if !plan.is_empty() && !self.folded {
                    self.folded = true;
                    self.ci.fold(&format!("{}: {}", self.ci.title, Counts::of(plan)));
                }
            }
            // What matters is not folded away.
            Event::Failed { .. } | Event::TurningBack { .. } | Event::Stuck { .. } | Event::Ended { .. } => {
                self.unfold();
            }
            _ => {}
        }
        self.inner.emit(event);
        match event {
            Event::Failed { id, why, hint } => {
                self.ci
                    .find(Finding::error(&format!("{id} failed"), why, hint.as_deref()));
            }
            Event::Stuck { id, why } => self.ci.find(Finding::error(&format!("{id} is stuck"), why, None)),
            Event::Said {
                code,
                text,
                warning: true,
            } => self.ci.warn(code, text),
            Event::Ended { outcome } => {
                let said = reports::outcome(outcome);
                self.ci.ended(said);
            }
            _ => {}
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.unfold();
    }
}

impl Finding {
    fn of_problem(problem: &Problem) -> Self {
        Self {
            severe: problem.severity == Severity::Error,
            code: problem.code.to_owned(),
            text: problem.message.clone(),
            hint: problem.hint.clone(),
            file: problem.place.as_ref().map(|place| place.path().to_path_buf()),
            line: problem.place.as_deref().map_or(0, Place::line_number),
            column: problem.place.as_deref().and_then(Place::column),
        }
    }

    fn of_fault(fault: &Fault) -> Self {
        let origin = fault.origin.as_deref().and_then(|origin| origin.rsplit_once(':'));
        let place = origin.and_then(|(file, line)| Some((PathBuf::from(file), line.parse().ok()?)));
        Self {
            severe: true,
            code: "grail".to_owned(),
            text: fault.to_string(),
            hint: fault.hint.clone(),
            line: place.as_ref().map_or(0, |(_, line)| *line),
            file: place.map(|(file, _)| file),
            column: None,
        }
    }
}

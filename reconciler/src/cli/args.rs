//! The command line as written. What it comes to, together with the environment and files, is [`super::settings`].

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plan::guard::Pattern;

/// A reconciler for serverless AWS applications: makes an account what a project declares.
#[derive(Debug, Parser)]
#[command(
    name = "grail",
    version,
    about,
    max_term_width = 100,
    disable_help_subcommand = false
)]
#[command(
    after_help = "Exit codes: 0 done; 1 failed, nothing changed; 2 `plan --detailed-exitcode` or `drift` found changes; \
                        3 failed and rolled back; 4 stuck; 5 locked; 6 stopped, to be taken up; 64 wrong usage."
)]
pub struct CommandLine {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The project's folder.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = ".",
        hide_default_value = true
    )]
    pub project_dir: PathBuf,
    /// The stage of the project (a section of `stages` in .chalice/config.json).
    #[arg(long, global = true, default_value = "dev")]
    pub stage: String,
    /// The AWS profile.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// The AWS region.
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// One endpoint for every AWS service, such as an emulator's.
    #[arg(long, global = true, value_name = "URL", conflicts_with = "local")]
    pub endpoint_url: Option<String>,
    /// Work on a local cloud instead of AWS. It is installed and started when it is first needed.
    #[arg(long, global = true)]
    pub local: bool,
    /// Words for people, or one JSON event a line.
    #[arg(long, global = true, value_enum, default_value_t = Output::Human)]
    pub output: Output,
    /// Only errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More about each step.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Log every call to standard error. The variable GRAIL_LOG says more closely what.
    #[arg(long, global = true)]
    pub debug: bool,
    /// No colours. The variable NO_COLOR does the same.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// For jobs of a CI service: nothing is asked, painted or drawn. In GitHub Actions problems become annotations and plans
    /// go into the summary of the step; in GitLab the log gets sections.
    #[arg(long, global = true)]
    pub ci: bool,
    /// Also write the plan (`plan.md`), its counts (`plan.json`, a report of GitLab's type `terraform`) and the problems
    /// (`problems.json`, of its type `codequality`) into this folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub ci_reports: Option<PathBuf>,
    /// Log as `text` or as `json`, an object a line. The variable GRAIL_LOG_FORMAT does the same.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub log_format: Option<LogFormat>,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Words for people.
    Human,
    /// One JSON event a line.
    Json,
}

/// The form of what is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what would change, and why. Writes nothing.
    Plan(PlanArgs),
    /// Make it so.
    #[command(visible_aliases = ["apply", "reconcile"])]
    Deploy(DeployArgs),
    /// Make it so again and again: when a file changes, when somebody sends SIGHUP, and from time to time.
    Watch(WatchArgs),
    /// Do that for many stages of many projects in one process, as a file says; more such processes with the same file and one
    /// shared state share the stages.
    Serve(ServeArgs),
    /// Delete everything that the stage's state records.
    #[command(visible_alias = "destroy")]
    Delete(DeleteArgs),
    /// Print the URL of the stage's REST API.
    Url,
    /// Show the stage: what it holds, an open transaction, who holds the lock.
    Status,
    /// Show what of the stage is no longer as recorded, and what others have added. Exits with 2 if anything is not. Writes
    /// nothing, takes no lock, and needs neither Python nor a project that imports.
    Drift,
    /// Take an open transaction back to the last commit.
    Rollback(RollbackArgs),
    /// Show what was done to the stage, when and by whom, the newest first.
    History(HistoryArgs),
    /// Draw the stage's resources, or a plan, as a picture.
    Graph(GraphArgs),
    /// Work with the stage's state by hand.
    State(StateArgs),
    /// Check the project without any call to AWS.
    Validate,
    /// Write a `grail.yaml` that makes what this Chalice project makes, or of functions that are there.
    Init(InitArgs),
    /// Bring `grail.yaml` and the files that it includes into their canonical form: the order of keys, indentation, blank lines.
    /// Comments and values stay. What cannot be formatted without a risk for them is refused and stays as it is.
    Fmt(FmtArgs),
    /// Print the JSON Schema of `grail.yaml`, for editors.
    Schema(SchemaArgs),
    /// Manage the local cloud by hand.
    LocalCloud(LocalCloudArgs),
    /// Print the IAM policy of whoever deploys: the least that grail needs in the account.
    Policy(PolicyArgs),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual: this help, of every command, as Markdown.
    #[command(hide = true)]
    Manual {
        /// Print the JSON Schema of `grail plan --format json` instead.
        #[arg(long)]
        plan_schema: bool,
    },
    /// Any other of Chalice's verbs: the project's own `chalice` is run.
    #[command(external_subcommand)]
    Chalice(Vec<String>),
}

impl Command {
    /// The command's own name, whatever alias it was called by.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Deploy(_) => "deploy",
            Self::Watch(_) => "watch",
            Self::Serve(_) => "serve",
            Self::Delete(_) => "delete",
            Self::Url => "url",
            Self::Status => "status",
            Self::Drift => "drift",
            Self::Rollback(_) => "rollback",
            Self::State(args) => args.verb.name(),
            Self::History(_) => "history",
            Self::Graph(_) => "graph",
            Self::Validate => "validate",
            Self::Init(_) => "init",
            Self::Fmt(_) => "fmt",
            Self::Schema(_) => "schema",
            Self::LocalCloud(_) => "local-cloud",
            Self::Policy(_) => "policy",
            Self::Completions { .. } => "completions",
            Self::Manual { .. } => "manual",
            Self::Chalice(_) => "chalice",
        }
    }

    /// Whether it does more than print something of grail's own: enough to be worth a trace.
    pub fn is_traced(&self) -> bool {
        !matches!(
            self,
            Self::Completions { .. } | Self::Manual { .. } | Self::Policy(_) | Self::Schema(_)
        )
    }

    /// Whether it goes on until somebody ends it. Its passes are traces of their own then: no trace lasts for days.
    pub fn stays(&self) -> bool {
        match self {
            Self::Watch(args) => !args.until_converged,
            Self::Serve(args) => !args.check,
            _ => false,
        }
    }
}

/// What shapes a plan beside the project; Chalice's own flags among it.
#[derive(Clone, Debug, Default, Args)]
pub struct WishArgs {
    /// Generate the IAM policy from the source, whatever the configuration says.
    #[arg(long, overrides_with = "no_autogen_policy")]
    pub autogen_policy: bool,
    /// Take the IAM policy from a file, whatever the configuration says.
    #[arg(long, overrides_with = "autogen_policy")]
    pub no_autogen_policy: bool,
    /// The name of the API Gateway stage.
    #[arg(long, value_name = "STAGE")]
    pub api_gateway_stage: Option<String>,
    /// Adopt an existing thing that nothing proves to be ours: `kind.name` or `name`. May be given more than once.
    #[arg(long, value_name = "NAME")]
    pub adopt: Vec<String>,
    /// Allow a resource to be deleted and created anew where it cannot change in place.
    #[arg(long)]
    pub allow_replace: bool,
    /// Remove what others have added to things of this stage, as far as it can be removed: statements, inline and attached
    /// policies, targets, routes, stages, notifications, paths below a domain. The plan names all of it; it goes when everything
    /// else is done, and nobody brings it back.
    #[arg(long)]
    pub prune_foreign: bool,
    /// Only this resource and what it depends on: `kind.name` or `name`. May be given more than once. Refused where it would
    /// leave something else wrong.
    #[arg(long, value_name = "NAME")]
    pub target: Vec<String>,
    /// Give up, for this command, the protection of a resource that `protect` in grail.toml names, or named at the last deployment:
    /// `kind.name`, `kind` or `name`, also with `*`. May be given more than once.
    #[arg(long, value_name = "NAME", value_parser = pattern)]
    pub unprotect: Vec<String>,
}

/// A pattern that names something.
fn pattern(text: &str) -> Result<String, String> {
    match Pattern::written(text) {
        Some(pattern) => Ok(pattern.to_string()),
        None => Err("it names nothing".to_owned()),
    }
}

impl WishArgs {
    /// The choice about the generated policy, if one was made.
    pub fn autogen(&self) -> Option<bool> {
        match (self.autogen_policy, self.no_autogen_policy) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// What must not happen by mistake.
#[derive(Clone, Debug, Default, Args)]
pub struct GuardArgs {
    /// Refuse, before anything is written, to delete more than so many things; what is made anew counts. `max_deletes` in
    /// grail.toml does the same.
    #[arg(long, value_name = "N")]
    pub max_deletes: Option<usize>,
}

/// What a person has to agree to before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RequireApproval {
    /// What lets somebody do what they could not do before.
    Broadening,
    /// Every change.
    Any,
    /// Nothing.
    Never,
}

/// `grail plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What shapes the plan.
    #[command(flatten)]
    pub wish: WishArgs,
    /// What must not happen by mistake.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// Also write the plan to this file, for `grail deploy FILE`: it carries out this plan or none.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Whether to look at what is there. `none` takes what is recorded for what is there, and looks at nothing.
    #[arg(long, value_enum, default_value_t = Refresh::Full, conflicts_with = "out")]
    pub refresh: Refresh,
    /// Exit with 2 if something would change.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// The form of the plan.
    #[arg(long, value_enum, default_value_t = PlanFormat::Human)]
    pub format: PlanFormat,
}

/// `grail graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// The form of the picture.
    #[arg(long, value_enum, default_value_t = GraphFormat::Svg)]
    pub format: GraphFormat,
    /// Draw a plan, coloured by what happens: that of FILE (of `grail plan --out`), or without FILE the one of now. Without this,
    /// what the state records is drawn, which needs neither Python nor AWS.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub plan: Option<Option<PathBuf>>,
    /// Draw what the project wishes for, whatever is deployed. Makes no call.
    #[arg(long, conflicts_with = "plan")]
    pub desired: bool,
    /// Draw every resource as a box of its own, also what serves one function alone (its log group, its permissions, what calls
    /// it).
    #[arg(long)]
    pub all: bool,
    /// Write the picture to this file instead of printing it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For a browser; light or dark as the reader's machine is.
    Svg,
    /// For Graphviz.
    Dot,
    /// For Markdown files on GitHub and GitLab.
    Mermaid,
}

impl GraphFormat {
    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
        }
    }
}

/// Whether a plan looks at what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Refresh {
    /// At everything that is wanted or recorded.
    #[value(alias = "true")]
    Full,
    /// At nothing.
    #[value(alias = "false")]
    None,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal.
    Human,
    /// For programs.
    Json,
    /// For a pull request.
    Markdown,
}

/// How a command that writes waits for its turn.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct LockArgs {
    /// How long to wait while somebody else works with the stage (`90s`, `10m`). Without it, or `lock_timeout` in grail.toml,
    /// not at all.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub lock_timeout: Option<Duration>,
}

/// A time as people write it.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written `90s`, `10m` or `1h 30m`".to_owned();
    let time: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(time).map_err(|_| wrong())
}

/// `grail rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// How it waits for its turn.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// `grail state`.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub verb: StateVerb,
}

/// What to do with the state.
#[derive(Debug, Subcommand)]
pub enum StateVerb {
    /// List what is recorded, each with its physical name.
    List,
    /// Show one record: its form, its outputs, what it needs and what needs it, and what Chalice's file says of it. Secrets
    /// stay hidden.
    Show {
        /// The resource: `kind.name` or `name`.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Record an existing thing as a resource of the project, which it then belongs to. Nothing is changed in the account; `plan`
    /// shows what differs.
    Import(ImportArgs),
    /// Forget resources. Nothing is changed in the account: the things stay, and nobody deletes them any more.
    Forget {
        /// The resources: `kind.name` or `name`.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// Ask nothing.
        #[arg(short, long)]
        yes: bool,
        /// How it waits for its turn.
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Record a resource under another id, such as that of a handler that was renamed. Nothing is changed in the account.
    Move {
        /// The recorded resource: `kind.name` or `name`.
        #[arg(value_name = "OLD")]
        old: String,
        /// Its new id: `kind.name` or `name`.
        #[arg(value_name = "NEW")]
        new: String,
        /// How it waits for its turn.
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Put a copy of the state in the place of the state: a file of `pull --out`, or without FILE the state of this machine in
    /// the place of the shared one. What was there is kept.
    Push {
        /// The copy.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Also where the copy is older than what is there, or of another account or region.
        #[arg(long)]
        force: bool,
        /// How it waits for its turn.
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Show who holds the stage's lock, and with `--yes` break it. Its holder can then write neither state nor journal; a request
    /// of theirs that is under way may still be carried out.
    Unlock {
        /// Break it.
        #[arg(short, long)]
        yes: bool,
    },
    /// Write Chalice's `deployed/<stage>.json` as the shared state has it; with `--out` a copy of the state itself.
    Pull {
        /// Write a copy of the state as of the last commit to this file, and leave Chalice's alone.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// `grail state import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A resource of the project: `kind.name` or `name`.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The physical name of the thing (an ARN, an id, a name), where it is not the one that the project gives it.
    #[arg(value_name = "HANDLE")]
    pub handle: Option<String>,
    /// Also where it is marked as another application's or stage's.
    #[arg(long)]
    pub force: bool,
    /// How it waits for its turn.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl StateVerb {
    /// The command's name.
    fn name(&self) -> &'static str {
        match self {
            Self::List => "state list",
            Self::Show { .. } => "state show",
            Self::Import(_) => "state import",
            Self::Forget { .. } => "state forget",
            Self::Move { .. } => "state move",
            Self::Push { .. } => "state push",
            Self::Unlock { .. } => "state unlock",
            Self::Pull { .. } => "state pull",
        }
    }
}

/// `grail deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// A plan of `grail plan --out`: it is carried out as it is, or refused where it is no longer current.
    #[arg(
        value_name = "PLAN",
        conflicts_with_all = ["adopt", "allow_replace", "prune_foreign", "target", "unprotect", "autogen_policy", "no_autogen_policy", "api_gateway_stage"]
    )]
    pub plan: Option<PathBuf>,
    /// How it is carried out.
    #[command(flatten)]
    pub pass: PassArgs,
    /// Ask nothing. On a terminal, a deployment asks before it deletes and makes anew what cannot change in place, and before
    /// it deletes what nobody could bring back. Elsewhere nothing is ever asked, and the former needs `--allow-replace`.
    #[arg(short, long)]
    pub yes: bool,
}

/// What `deploy` and `watch` have in common: what a pass is to do, and how.
#[derive(Clone, Debug, Args)]
pub struct PassArgs {
    /// What shapes the plan.
    #[command(flatten)]
    pub wish: WishArgs,
    /// What must not happen by mistake.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// What a person has to agree to first: on a terminal `deploy` asks, elsewhere only a saved plan is agreed to (`grail plan
    /// --out FILE`, then `grail deploy FILE`). Without this, or `require_approval` in grail.toml, nothing.
    #[arg(long, value_name = "WHAT", value_enum)]
    pub require_approval: Option<RequireApproval>,
    /// What to do when a step fails for good.
    #[arg(long, value_enum, default_value_t = OnFailure::Rollback)]
    pub on_failure: OnFailure,
    /// How many calls may be in flight at once.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub parallelism: u16,
    /// How long a connection to AWS may take to come about, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub connection_timeout: Option<u32>,
    /// How it waits for its turn.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// `grail watch`.
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// How each pass is carried out.
    #[command(flatten)]
    pub pass: PassArgs,
    /// How long after a pass the next one begins by itself, within a tenth.
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "5m")]
    pub interval: Duration,
    /// How long no file may change before a pass begins.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "50ms")]
    pub debounce: Duration,
    /// How changes of files are noticed.
    #[arg(long, value_enum, default_value_t = Follow::Notify)]
    pub follow: Follow,
    /// What to do where others have changed what is deployed.
    #[arg(long, value_enum, default_value_t = OnDrift::Repair)]
    pub on_drift: OnDrift,
    /// End as soon as everything is as it should be, or when trying again is of no use.
    #[arg(long)]
    pub until_converged: bool,
    /// How long to try at most. Exits with 6 where it was not enough.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "until_converged")]
    pub timeout: Option<Duration>,
}

/// `grail serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = super::serve_toml::FILE)]
    pub config: PathBuf,
    /// Read the configuration, say what is wrong with it, and end.
    #[arg(long)]
    pub check: bool,
}

/// How changes of files are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Follow {
    /// By notifications of the system; where there are none, by looking.
    Notify,
    /// By looking each second: for file systems of other machines.
    Poll,
    /// Not at all: the timer and SIGHUP alone bring passes.
    Off,
}

/// What to do where others have changed what is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnDrift {
    /// Bring it back.
    Repair,
    /// Tell it, until the project changes.
    Report,
}

/// A time that is no shorter than a second.
fn interval(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    match time < Duration::from_secs(1) {
        true => Err("an interval is a second at least".to_owned()),
        false => Ok(time),
    }
}

/// What to do when a step fails for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// Bring everything back to the last commit.
    Rollback,
    /// Leave things as they are, in an open transaction that the next command takes up.
    Keep,
}

/// `grail delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Nothing is asked, with or without this: it is for scripts that say it.
    #[arg(short, long)]
    pub yes: bool,
    /// Go on past what this grail cannot delete (kinds that it does not know) and past what it cannot decide (another thing
    /// under the same name in Chalice's file): it is left, and told.
    #[arg(long)]
    pub force: bool,
    /// Give up, for this command, the protection of a resource that `protect` in grail.toml names, or named at the last deployment:
    /// `kind.name`, `kind` or `name`, also with `*`. May be given more than once.
    #[arg(long, value_name = "NAME", value_parser = pattern)]
    pub unprotect: Vec<String>,
    /// What must not happen by mistake.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// How many calls may be in flight at once.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub parallelism: u16,
    /// How it waits for its turn.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// `grail history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// How many of the last commands to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// `grail init`.
#[derive(Clone, Debug, Default, Args)]
pub struct InitArgs {
    /// Write a manifest of the account's functions whose names begin so, with their code, under the names that they have. The
    /// account is only read. They belong to others until a deployment takes them over, with `--adopt`.
    #[arg(long, value_name = "PREFIX")]
    pub from_functions: Option<String>,
}

/// `grail fmt`.
#[derive(Clone, Debug, Args)]
pub struct FmtArgs {
    /// The files, relative to the project; without any the manifest and what it includes.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write nothing, and fail where a file is not in its canonical form.
    #[arg(long)]
    pub check: bool,
}

/// `grail schema`.
#[derive(Clone, Copy, Debug, Args)]
pub struct SchemaArgs {
    /// Print the reference of `grail.yaml` instead, as Markdown.
    #[arg(long)]
    pub reference: bool,
}

/// `grail policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// For one application (`app_name`) and the stage alone; without it for any. `--region` narrows it to one region.
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
    /// What the queues, topics, tables, buckets, streams and event buses need that a manifest declares, and that alone: a second
    /// policy beside the first.
    #[arg(long)]
    pub things: bool,
}

/// `grail local-cloud`.
#[derive(Debug, Args)]
pub struct LocalCloudArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub verb: LocalCloudVerb,
}

/// What to do with the local cloud.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum LocalCloudVerb {
    /// Start it, if it does not run.
    Up,
    /// Stop it. What was deployed stays.
    Down,
    /// Show whether it runs, and where.
    Status,
    /// Stop it and forget all that was deployed in it, and the stage's local record with it.
    Reset,
}

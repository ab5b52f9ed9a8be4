//! `grail serve`: many stages of many projects in one process, in the foreground. Which, a file says ([`ServeToml`]); how they share
//! the process, and replicas the stages, is [`crate::serve`]'s; what a pass of one does is `serve/carried.rs`.
//!
//! The configuration is read anew when its file changes and at SIGHUP. What is wrong with it is told, and the old one goes on. The
//! state, the name, the way to the cloud of the service itself and what `[http]` says are those of the start; what stands in the
//! files that `[http]` names is read anew with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grail_state::store::object::Objects;
use jiff::Timestamp;

use crate::cli::args::{Global, ServeArgs};
use crate::cli::environment::Environment;
use crate::cli::exit::Exit;
use crate::cli::grail_toml::StateTable;
use crate::cli::refusal::Refusal;
use crate::cli::serve_toml::ServeToml;
use crate::cli::settings::Settings;
use crate::cli::shared::{self, VARIABLE};
use crate::cli::systemd::Systemd;
use crate::cli::{signals, words};
use crate::engine::{Clock, StopSignal};
use crate::serve::crew::{Crew, FolderObjects, Timing};
use crate::serve::http::Listening;
use crate::serve::{Board, Means, Service, Standing, Threads, Wall};
use crate::watch::follow::{self, Follower};
use crate::watch::{Agenda, Bell, End, Rhythm, StageLoop};

mod carried;
mod listening;
mod polled;
mod reload;
mod told;

use listening::Opening;
use reload::{Context, Quiet, Reload};
use told::Told;

/// Serves until it is asked to stop.
///
/// # Errors
/// What is wrong with the configuration, or keeps the state from being reached. Later nothing of a pass.
pub async fn run(settings: &Settings, global: &Global, args: &ServeArgs) -> Result<Exit, Refusal> {
    let config = absolute(&args.config)?;
    let toml = ServeToml::read(&config)?;
    if args.check {
        words::notice(
            settings,
            &format!("{}: nothing is wrong with it", config.display()),
        );
        return Ok(Exit::Done);
    }
    let stop = signals::listen(None);
    let environment = surroundings(&settings.environment, &toml);
    let global = cloud(global, &toml);
    let (objects, prefix) = meeting(settings, &global, &environment, &toml).await?;
    let replica = replica(&environment);
    let (crew, attending) = Crew::new(objects, &prefix, &replica, Timing::default());
    let (slots, threads) = (reload::slots(&toml), threads(&toml)?);
    let board = Arc::new(Board::default());
    let wall: Wall = Arc::new(Timestamp::now);
    let witness = Arc::new(Told::new(settings));
    let service = Service::new(Means {
        board: Arc::clone(&board),
        slots,
        crew,
        hands: Arc::new(threads),
        witness: witness.clone(),
        wall,
        seed: u64::from(std::process::id()),
        stop: stop.clone(),
    });
    let systemd = Systemd::of(&settings.environment);
    let opening = Opening {
        table: toml.http.clone(),
        folder: config.parent().unwrap_or(Path::new("/")).to_path_buf(),
        environment: environment.clone(),
        replica,
    };
    let listening = opening
        .listen(Arc::clone(&board), Arc::new(service.clone()), stop.clone())
        .await?;
    witness.listens(listening.address, toml.http.tls_cert.is_some());
    let Listening { task, renewal, .. } = listening;
    let mut reload = Reload::new(Context {
        config,
        global,
        environment,
        service: service.clone(),
        board: Arc::clone(&board),
        told: witness,
        systemd: systemd.clone(),
    });
    reload.begin(toml);
    reload.renews(opening, renewal);
    let (leaves, leave) = StopSignal::new();
    let attends = tokio::spawn(attending.run(leave));
    tokio::select! {
        () = reloads(reload, stop.clone()) => {}
        () = service.hear_wishes() => {}
        () = systemd.lives() => {}
    }
    systemd.stopping();
    tokio::select! {
        () = service.ended() => {}
        () = systemd.lives() => {}
    }
    let _attends = leaves.send(Some("the service ends".to_owned()));
    let _left = attends.await;
    let _answered = task.await;
    let is_open = board.stages().iter().any(|stage| {
        let stopped = |end| matches!(end, End::Stopped { open: true });
        stage.standing == Standing::Open && stage.last.as_ref().is_some_and(|last| stopped(last.end))
    });
    Ok(if is_open { Exit::Open } else { Exit::Done })
}

/// Reads the configuration again whenever there is a reason to, until it is asked to stop.
async fn reloads(mut reload: Reload, stop: StopSignal) {
    let bell = Bell::default();
    signals::rings_at_hangup(bell.clone());
    reload.follow(Follower::new(follow::Means::Notifications, bell.clone()));
    let rhythm = Rhythm {
        quiet: Duration::from_millis(100),
        interval: None,
        ..Rhythm::default()
    };
    let clock = Clock::starting_at(Timestamp::now());
    let agenda = Agenda::new(rhythm, 0, clock.elapsed());
    let mut configuration = StageLoop::new(agenda, bell, clock);
    let _last = configuration.run(&mut reload, &mut Quiet, stop).await;
}

/// The path from the root: the folder of this process may matter to nobody.
fn absolute(path: &Path) -> Result<PathBuf, Refusal> {
    std::path::absolute(path)
        .map_err(|error| Refusal::new(format!("there is no path {}", path.display())).because(error))
}

/// The environment of everything that is done here.
fn surroundings(environment: &Environment, toml: &ServeToml) -> Environment {
    let environment = environment.clone().unattended();
    match &toml.state {
        Some(state) if environment.get(VARIABLE).is_none() => environment.with(VARIABLE, state),
        _ => environment,
    }
}

/// The flags, with what the configuration says in their place.
fn cloud(global: &Global, toml: &ServeToml) -> Global {
    let local = global.local || (toml.local_cloud && global.endpoint_url.is_none());
    Global {
        local,
        endpoint_url: global
            .endpoint_url
            .clone()
            .or_else(|| toml.endpoint_url.clone())
            .filter(|_| !local),
        ..global.clone()
    }
}

/// Where replicas meet: beside the shared state, or else in a folder of this machine.
async fn meeting(
    settings: &Settings,
    global: &Global,
    environment: &Environment,
    toml: &ServeToml,
) -> Result<(Arc<dyn Objects>, String), Refusal> {
    let mut settings = Settings::resolve(settings.command, global, environment.clone())?;
    // Replicas meet where the service says, wherever they are started and whatever one of the projects says of itself.
    let variable = environment.text(VARIABLE);
    settings.shared = match global.local {
        true => None,
        false => shared::place(variable.as_deref(), &StateTable::default())?,
    };
    match &settings.shared {
        Some(shared) => {
            let sealer = settings.keys_of_state()?.sealer;
            let objects = shared.objects(settings.aws(None, None), sealer).await?;
            Ok(objects.meeting(&toml.name))
        }
        None => {
            let folder = settings.cache.join("serve").join(&toml.name);
            Ok((Arc::new(FolderObjects::new(folder)), String::new()))
        }
    }
}

/// A name that no other replica has, also not the next process of the same number on this machine.
fn replica(environment: &Environment) -> String {
    let host = environment.host();
    let host: String = host
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
        .collect();
    let nonce = Timestamp::now().as_nanosecond();
    format!("{host}-{}-{nonce:x}", std::process::id())
}

fn threads(toml: &ServeToml) -> Result<Threads, Refusal> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = toml
        .concurrency
        .map_or(processors, |passes| passes.min(processors));
    Threads::start(wanted)
        .map_err(|error| Refusal::new("could not start the threads of the stages").because(error))
}

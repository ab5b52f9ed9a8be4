//! `grail policy`: the rights that grail itself needs, as an IAM policy.

use grail_providers::privileges::{Reach, policy};
use grail_state::StackId;

use crate::cli::args::{Global, PolicyArgs};
use crate::cli::exit::Exit;
use crate::cli::words;

/// Prints the policy: for every stage, or with `--app` for the one of that application; in every region, or in the one named.
pub fn run(global: &Global, args: &PolicyArgs) -> Exit {
    words::data(&text(&reach(global, args)));
    Exit::Done
}

fn reach(global: &Global, args: &PolicyArgs) -> Reach {
    let stack = args.app.as_ref().map(|app| StackId {
        app: app.clone(),
        stage: global.stage.clone(),
    });
    Reach {
        stack,
        region: global.region.clone(),
        things: args.things,
    }
}

fn text(reach: &Reach) -> String {
    format!("{:#}\n", policy(reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_in_the_repository_is_current() {
        for (file, things, word) in [
            ("policy.json", false, ""),
            ("policy-things.json", true, " --things"),
        ] {
            let path = format!("{}/../deploy/{file}", env!("CARGO_MANIFEST_DIR"));
            let written = std::fs::read_to_string(path).unwrap_or_default();
            let reach = Reach {
                things,
                ..Reach::default()
            };
            assert!(
                written == text(&reach),
                "deploy/{file} is out of date: run `cargo run -- policy{word} > deploy/{file}`"
            );
        }
    }
}

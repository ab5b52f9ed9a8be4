//! What is said when grail itself is wrong: where, and never with which values. What a panic says by itself may quote them.

use std::panic::{Location, set_hook};

use super::words;

/// From now on a panic tells its place alone, on standard error.
pub(super) fn tell_without_payload() {
    set_hook(Box::new(|panic| words::words(&sentence(panic.location()))));
}

fn sentence(place: Option<&Location<'_>>) -> String {
    let place = place.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!(
        "error: this is a defect of grail {}, at {place}; please report it\n  \
         what was being done may be half done: `grail status` shows it, and `grail deploy` or `grail rollback` goes on\n",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told_and_nothing_else() {
        let told = sentence(Some(Location::caller()));
        assert!(
            told.contains("defect.rs:") && told.contains("please report"),
            "{told}"
        );
        assert!(sentence(None).contains("an unknown place"));
    }
}

//! Patterns of policies against each other: does one name all that another names, can two name the same thing.
//!
//! IAM's rule for ARNs: `*` and `?` stay within the part between two colons, save for a `*` at the end of such a part, which
//! goes on beyond it. Both answers are on the safe side: [`covers`] says no, and [`meets`] yes, where it is not certain. What
//! is filled in later (`${aws:username}`, and what is known after the deploy only) may come to be any text.

use grail_state::template::STAND_IN;

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// This letter.
    Is(char),
    /// One letter that is no colon.
    One,
    /// Any letters that are no colons.
    Within,
    /// Any letters.
    Beyond,
}

/// Whether `wide` names everything that `narrow` may name.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    if wide == narrow || wide == "*" {
        return true;
    }
    if !wide.contains(['*', '?']) || is_filled_in(wide) {
        return false;
    }
    let (wide, narrow) = (pieces(wide), pieces(narrow));
    // At each place of `wide`, whether what was read of `narrow` so far may end there.
    let mut at = vec![false; wide.len() + 1];
    if let Some(first) = at.first_mut() {
        *first = true;
    }
    skip_stars(&wide, &mut at);
    for piece in narrow {
        let mut next = vec![false; wide.len() + 1];
        for (place, wanted) in wide.iter().enumerate() {
            if !at.get(place).copied().unwrap_or(false) {
                continue;
            }
            let goes_on = if matches!(wanted, Piece::Is(_) | Piece::One) {
                place + 1
            } else {
                place
            };
            if takes(*wanted, piece)
                && let Some(reached) = next.get_mut(goes_on)
            {
                *reached = true;
            }
        }
        skip_stars(&wide, &mut next);
        at = next;
    }
    at.last().copied().unwrap_or(false)
}

/// Whether there may be something that both name.
pub(super) fn meets(one: &str, other: &str) -> bool {
    let (one, other) = (pieces(one), pieces(other));
    let is_star = |piece: Option<&Piece>| matches!(piece, Some(Piece::Within | Piece::Beyond));
    let mut open = vec![(0, 0)];
    let mut seen = std::collections::BTreeSet::new();
    while let Some((i, j)) = open.pop() {
        if i == one.len() && j == other.len() {
            return true;
        }
        if !seen.insert((i, j)) {
            continue;
        }
        let (left, right) = (one.get(i), other.get(j));
        if is_star(left) {
            open.push((i + 1, j));
            open.extend(right.map(|_| (i, j + 1)));
        }
        if is_star(right) {
            open.push((i, j + 1));
            open.extend(left.map(|_| (i + 1, j)));
        }
        let same = match (left, right) {
            (Some(Piece::Is(a)), Some(Piece::Is(b))) => a == b,
            (Some(Piece::Is(_) | Piece::One), Some(Piece::Is(_) | Piece::One)) => true,
            _ => false,
        };
        if same {
            open.push((i + 1, j + 1));
        }
    }
    false
}

/// Whether one piece of the wide pattern takes one of the narrow one.
fn takes(wide: Piece, narrow: Piece) -> bool {
    match (wide, narrow) {
        (Piece::Is(a), Piece::Is(b)) => a == b,
        (Piece::One | Piece::Within, Piece::Is(letter)) => letter != ':',
        (Piece::One | Piece::Within, Piece::One) | (Piece::Within, Piece::Within) | (Piece::Beyond, _) => {
            true
        }
        _ => false,
    }
}

/// A star may stand for nothing.
fn skip_stars(wide: &[Piece], at: &mut [bool]) {
    for (place, piece) in wide.iter().enumerate() {
        if matches!(piece, Piece::Within | Piece::Beyond)
            && at.get(place).copied().unwrap_or(false)
            && let Some(next) = at.get_mut(place + 1)
        {
            *next = true;
        }
    }
}

fn is_filled_in(text: &str) -> bool {
    text.contains("${") || text.contains(STAND_IN)
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = behind_filled_in(rest) {
            pieces.push(Piece::Beyond);
            rest = after;
            continue;
        }
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        pieces.push(match letter {
            '*' if rest.is_empty() || rest.starts_with(':') => Piece::Beyond,
            '*' => Piece::Within,
            '?' => Piece::One,
            letter => Piece::Is(letter),
        });
    }
    pieces
}

/// What follows where the text begins with something that is filled in later.
fn behind_filled_in(text: &str) -> Option<&str> {
    let inner = |opening: &str, closing| {
        let inner = text.strip_prefix(opening)?;
        Some(inner.split_once(closing).map_or("", |(_, after)| after))
    };
    inner("${", '}').or_else(|| inner(STAND_IN, ')'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_more_covers_what_names_less() {
        for (wide, narrow, answer) in [
            ("*", "s3:getobject", true),
            ("s3:*", "s3:getobject", true),
            ("s3:get*", "s3:getobject", true),
            ("s3:get*", "s3:putobject", false),
            ("s3:get*", "s3:*", false),
            ("s3:g?t*", "s3:get*", true),
            ("s3:getobject", "s3:get?bject", false),
            ("arn:aws:s3:::a/*", "arn:aws:s3:::a/b/c", true),
            ("arn:aws:s3:::a/*", "arn:aws:s3:::a", false),
            ("arn:aws:s3:::a*", "arn:aws:s3:::ab/*", true),
            // A star at the end of a part goes on beyond it, one inside does not.
            ("arn:aws:sqs:*", "arn:aws:sqs:eu-west-1:1:q", true),
            ("arn:aws:sqs:*:1:q", "arn:aws:sqs:eu-west-1:1:q", true),
            ("arn:aws:sqs:*-1:1:q", "arn:aws:sqs:eu-west-1:1:q", true),
            ("arn:aws:sqs:e*q", "arn:aws:sqs:eu-west-1:1:q", false),
            ("arn:aws:sqs:e*q", "arn:aws:sqs:e*q", true),
            ("arn:aws:sqs:??-west-1:1:q", "arn:aws:sqs:eu-west-1:1:q", true),
            ("arn:aws:sqs:eu-west-1?1:q", "arn:aws:sqs:eu-west-1:1:q", false),
            ("*:x", "a:b:x", true),
            // What is filled in later may be anything.
            ("home/*", "home/${aws:username}/x", true),
            ("home/*/x", "home/${aws:username}/x", false),
            ("home/${aws:username}", "home/${aws:username}", true),
            ("home/${aws:username}*", "home/bob", false),
            ("a/*", "a/(known after deploy: rest_api.rest_api/id)", true),
            ("a/b", "a/(known after deploy: rest_api.rest_api/id)", false),
            ("", "a", false),
            ("**", "a:b", true),
        ] {
            assert_eq!(covers(wide, narrow), answer, "{wide} over {narrow}");
        }
    }

    #[test]
    fn patterns_meet_unless_it_is_certain_that_they_do_not() {
        for (one, other, answer) in [
            ("iam:*", "s3:getobject", false),
            ("s3:*", "s3:getobject", true),
            ("s3:get*", "s3:*object", true),
            ("s3:get*", "s3:put*", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("home/${aws:username}", "home/bob", true),
            ("*", "", true),
        ] {
            assert_eq!(meets(one, other), answer, "{one} and {other}");
            assert_eq!(meets(other, one), answer, "{other} and {one}");
        }
    }
}

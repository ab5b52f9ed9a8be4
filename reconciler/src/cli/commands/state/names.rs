//! Which resource somebody means: `kind.name`, or the name alone where only one is called so.

use std::collections::BTreeSet;

use grail_state::ResourceId;

use crate::cli::refusal::Refusal;
use crate::source::chalice::diagnostic::closest;

/// The one of `known` that `given` names. `known_as` says what they are (`recorded`).
///
/// # Errors
/// Where it names none, with the one that may be meant, or several.
pub(super) fn resolve<'a>(
    given: &str,
    known: &BTreeSet<&'a ResourceId>,
    known_as: &str,
) -> Result<&'a ResourceId, Refusal> {
    let whole = known.iter().copied().find(|id| id.to_string() == given);
    let by_name: Vec<_> = known.iter().copied().filter(|id| id.name == given).collect();
    match (whole, by_name.as_slice()) {
        (Some(id), _) => Ok(id),
        (None, [id]) => Ok(*id),
        (None, []) => Err(nobody(given, known, known_as)),
        (None, several) => {
            let several: Vec<_> = several.iter().map(|id| format!("`{id}`")).collect();
            Err(
                Refusal::new(format!("`{given}` is the name of several resources"))
                    .hint(format!("say which: {}", several.join(", "))),
            )
        }
    }
}

fn nobody(given: &str, known: &BTreeSet<&ResourceId>, known_as: &str) -> Refusal {
    let refusal = Refusal::new(format!("no resource `{given}` is {known_as}"));
    let ids: Vec<String> = known.iter().map(ToString::to_string).collect();
    let by_name = closest(given, known.iter().map(|id| id.name.as_str()));
    let named = by_name.and_then(|name| known.iter().find(|id| id.name == name));
    let meant = match named {
        Some(id) => Some(id.to_string()),
        None => closest(given, ids.iter().map(String::as_str)).map(str::to_owned),
    };
    match meant {
        Some(meant) => refusal.hint(format!("`{meant}` may be meant")),
        None if known.is_empty() => refusal.hint(format!("nothing is {known_as}")),
        None => refusal.hint("`grail state list` and `grail plan` show what there is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(given: &str) -> Result<String, String> {
        let known: Vec<ResourceId> = [
            "lambda_function.door",
            "lambda_function.work",
            "log_group.work",
            "custom_domain.api.example.com",
        ]
        .map(|id| id.parse().unwrap())
        .into();
        match resolve(given, &known.iter().collect(), "recorded") {
            Ok(id) => Ok(id.to_string()),
            Err(mut refusal) => {
                let fault = refusal.faults.remove(0);
                Err(format!("{}; {}", fault.what, fault.hint.unwrap()))
            }
        }
    }

    #[test]
    fn a_name_is_enough_where_one_is_called_so() {
        assert_eq!(resolved("door").unwrap(), "lambda_function.door");
        assert_eq!(resolved("log_group.work").unwrap(), "log_group.work");
        assert_eq!(
            resolved("api.example.com").unwrap(),
            "custom_domain.api.example.com"
        );
        assert_eq!(
            resolved("work").unwrap_err(),
            "`work` is the name of several resources; say which: `lambda_function.work`, `log_group.work`"
        );
    }

    #[test]
    fn what_nothing_is_called_is_near_to_what_is() {
        for (given, meant) in [
            ("lambda_function.dor", "lambda_function.door"),
            ("dooor", "lambda_function.door"),
            ("api.exampel.com", "custom_domain.api.example.com"),
        ] {
            let said = resolved(given).unwrap_err();
            assert_eq!(
                said,
                format!("no resource `{given}` is recorded; `{meant}` may be meant")
            );
        }
        assert!(
            resolved("quite-another")
                .unwrap_err()
                .ends_with("show what there is")
        );
    }
}

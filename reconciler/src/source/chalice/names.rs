//! The names that Chalice gives, and what AWS takes for a name.
//!
//! A logical name stands in the state file and in `config.json`; a physical name is the one in AWS. Both must be Chalice's to
//! the letter, or one tool would not recognise what the other made. The single exception is the log group of the API's
//! function: Chalice sets the retention of a group that nothing writes to (`/aws/lambda/<app>-<stage>-api_handler`), grail
//! that of the group in use.

use super::config::API_HANDLER;

/// The longest name of a Lambda function or an IAM role, in characters (CreateFunction, CreateRole).
pub const MAX_NAME: usize = 64;

/// The name of the function with the logical name `name`: `<app>-<stage>-<name>`, for the API's function `<app>-<stage>`.
pub fn function(app: &str, stage: &str, name: &str) -> String {
    match name {
        API_HANDLER => format!("{app}-{stage}"),
        _ => format!("{app}-{stage}-{name}"),
    }
}

/// The logical name of the role that functions share.
pub const SHARED_ROLE: &str = "default-role";

/// The name of the role that functions share, and of its inline policy.
pub fn shared_role(app: &str, stage: &str) -> String {
    format!("{app}-{stage}")
}

/// The logical name of a function's own role.
pub fn own_role_logical(function: &str) -> String {
    format!("{function}_role")
}

/// The name of a function's own role, and of its inline policy. Here the API's function is no exception.
pub fn own_role(app: &str, stage: &str, function: &str) -> String {
    format!("{app}-{stage}-{function}")
}

/// The logical name of a function's log group.
pub fn log_group_logical(function: &str) -> String {
    format!("{function}-log-group")
}

/// The log group that the function with the logical name `name` writes to.
pub fn log_group(app: &str, stage: &str, name: &str) -> String {
    format!("/aws/lambda/{}", function(app, stage, name))
}

/// Whether AWS takes `name` for a function: letters, digits, `-` and `_`, at most [`MAX_NAME`] of them.
pub fn is_function_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_chalice() {
        assert_eq!(function("shop", "dev", "api_handler"), "shop-dev");
        assert_eq!(function("shop", "dev", "work"), "shop-dev-work");
        assert_eq!(own_role("shop", "dev", "api_handler"), "shop-dev-api_handler");
        assert_eq!(log_group("shop", "dev", "api_handler"), "/aws/lambda/shop-dev");
        assert_eq!(log_group("shop", "dev", "work"), "/aws/lambda/shop-dev-work");
    }

    #[test]
    fn a_name_of_65_characters_is_too_long() {
        assert!(is_function_name(&"a".repeat(64)));
        assert!(!is_function_name(&"a".repeat(65)));
        assert!(!is_function_name("my app-dev"));
    }
}

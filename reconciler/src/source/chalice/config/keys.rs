//! The keys of Chalice 1.34's `config.json`: name, form, and the scopes in which Chalice reads them.

use serde_json::Value;

use super::stage::is_truthy;

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A string.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number not below the first bound. AWS refuses what lies above the second, as far as is known today.
    Whole(u64, u64),
    /// The whole numbers of days for which CloudWatch Logs can keep a log.
    Days,
    /// A list of strings.
    Texts,
    /// A string or a list of strings.
    TextOrTexts,
    /// An object whose values are strings.
    TextMap,
    /// Any object.
    Object,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// The form of its value.
    pub(super) form: Form,
    /// Whether a stage may set it.
    pub(super) stage: bool,
    /// Whether a function may set it.
    pub(super) function: bool,
}

const fn top(name: &'static str, form: Form) -> Key {
    Key {
        name,
        form,
        stage: false,
        function: false,
    }
}

const fn stage(name: &'static str, form: Form) -> Key {
    Key {
        name,
        form,
        stage: true,
        function: false,
    }
}

const fn function(name: &'static str, form: Form) -> Key {
    Key {
        name,
        form,
        stage: true,
        function: true,
    }
}

/// Largest size in bytes from which answers can be compressed (10 MiB; API Gateway's limit and Chalice's).
pub(super) const MAX_COMPRESSION_SIZE: u64 = 10_485_760;

/// The largest number that any AWS API here can carry.
const LARGEST: u64 = i32::MAX as u64;

/// Every key with a value of its own. `version`, `stages` and `lambda_functions` make the structure and are not listed.
pub(super) const KEYS: &[Key] = &[
    top("app_name", Form::Text),
    top("profile", Form::Text),
    stage("api_gateway_stage", Form::Text),
    stage("api_gateway_endpoint_type", Form::Text),
    stage("api_gateway_endpoint_vpce", Form::TextOrTexts),
    stage("api_gateway_policy_file", Form::Text),
    stage("api_gateway_custom_domain", Form::Object),
    stage("websocket_api_custom_domain", Form::Object),
    stage("minimum_compression_size", Form::Whole(0, MAX_COMPRESSION_SIZE)),
    stage("automatic_layer", Form::Flag),
    stage("lambda_architecture", Form::Text),
    function("autogen_policy", Form::Flag),
    function("iam_policy_file", Form::Text),
    function("manage_iam_role", Form::Flag),
    function("iam_role_arn", Form::Text),
    function("lambda_memory_size", Form::Whole(128, 10_240)),
    function("lambda_timeout", Form::Whole(1, 900)),
    function("reserved_concurrency", Form::Whole(0, LARGEST)),
    function("environment_variables", Form::TextMap),
    function("tags", Form::TextMap),
    function("subnet_ids", Form::Texts),
    function("security_group_ids", Form::Texts),
    function("layers", Form::Texts),
    function("xray", Form::Flag),
    function("log_retention_in_days", Form::Days),
];

/// The periods that CloudWatch Logs offers (PutRetentionPolicy), in days. Zero stands for no period at all.
const RETENTION_DAYS: &[u64] = &[
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
    3653,
];

/// The key called `name`.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// How a value misses its form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is of another type, or out of the bounds: what was expected, and what was found, without its content.
    Wrong(String),
    /// AWS refuses it as far as is known: what AWS takes.
    Doubtful(String),
    /// An element has another type: its key or index, what was expected, what was found.
    Element(String, String),
}

impl Form {
    /// All the ways in which `value` misses this form. `null` counts as not set.
    pub(super) fn misfits(self, value: &Value) -> Vec<Misfit> {
        match (self, value) {
            (_, Value::Null) => Vec::new(),
            (Self::Text | Self::TextOrTexts, Value::String(_))
            | (Self::Flag, Value::Bool(_))
            | (Self::Object, Value::Object(_)) => Vec::new(),
            (Self::Whole(least, most), Value::Number(number)) => whole(number, least, most),
            (Self::Days, Value::Number(number)) => days(number),
            (Self::Texts | Self::TextOrTexts, Value::Array(items)) => {
                let each = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (index.to_string(), item));
                each.filter_map(element).collect()
            }
            (Self::TextMap, Value::Object(entries)) => entries
                .iter()
                .map(|(key, item)| (key.clone(), item))
                .filter_map(element)
                .collect(),
            // Chalice asks for the truth of the one, and passes over the other.
            (Self::Flag, other) => vec![self.counting(other, &is_truthy(other).to_string())],
            (Self::TextMap, other) => vec![self.counting(other, "none")],
            (form, other) => vec![Misfit::Wrong(format!(
                "expected {}, found {}",
                form.words(),
                kind_of(other)
            ))],
        }
    }

    fn counting(self, value: &Value, as_what: &str) -> Misfit {
        let (expected, found) = (self.words(), kind_of(value));
        Misfit::Doubtful(format!(
            "expected {expected}, found {found}, which counts as {as_what}"
        ))
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Flag => "true or false",
            Self::Whole(..) | Self::Days => "a whole number",
            Self::Texts => "a list of strings",
            Self::TextOrTexts => "a string or a list of strings",
            Self::TextMap => "an object of strings",
            Self::Object => "an object",
        }
    }
}

/// What sort of JSON value this is, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn element((key, item): (String, &Value)) -> Option<Misfit> {
    let told = format!("expected a string, found {}", kind_of(item));
    (!item.is_string()).then_some(Misfit::Element(key, told))
}

fn whole(number: &serde_json::Number, least: u64, most: u64) -> Vec<Misfit> {
    match number.as_u64() {
        Some(number) if number < least => {
            vec![Misfit::Wrong(format!(
                "expected at least {least}, found {number}"
            ))]
        }
        Some(number) if number > most && (most == MAX_COMPRESSION_SIZE || number > LARGEST) => {
            vec![Misfit::Wrong(format!(
                "expected at most {}, found {number}",
                most.min(LARGEST)
            ))]
        }
        Some(number) if number > most => vec![Misfit::Doubtful(format!("AWS takes at most {most}"))],
        Some(_) => Vec::new(),
        None => vec![Misfit::Wrong(format!(
            "expected a whole number not below {least}, found {number}"
        ))],
    }
}

fn days(number: &serde_json::Number) -> Vec<Misfit> {
    match number.as_u64() {
        None => whole(number, 0, LARGEST),
        Some(days) if days > LARGEST => whole(number, 0, LARGEST),
        Some(days) if RETENTION_DAYS.contains(&days) => Vec::new(),
        Some(days) => {
            let near = RETENTION_DAYS
                .iter()
                .min_by_key(|offered| offered.abs_diff(days))
                .copied()
                .unwrap_or(0);
            vec![Misfit::Doubtful(format!(
                "CloudWatch Logs offers no period of {days} days; the nearest is {near}"
            ))]
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn every_form_takes_its_own_and_null_and_refuses_the_rest() {
        let cases = [
            (Form::Text, json!("x"), json!(1)),
            (Form::Flag, json!(false), json!("false")),
            (Form::Whole(1, 900), json!(60), json!(0)),
            (Form::Whole(1, 900), json!(60), json!(60.0)),
            (Form::Whole(0, 900), json!(0), json!(-1)),
            (
                Form::Whole(0, MAX_COMPRESSION_SIZE),
                json!(10_485_760),
                json!(10_485_761),
            ),
            (Form::Whole(0, 5), json!(5), json!(true)),
            (Form::Whole(0, LARGEST), json!(LARGEST), json!(LARGEST + 1)),
            (Form::Days, json!(30), json!(LARGEST + 1)),
            (Form::Days, json!(30), json!("30")),
            (Form::Texts, json!(["a"]), json!("a")),
            (Form::Texts, json!([]), json!([1])),
            (Form::TextOrTexts, json!("vpce-1"), json!({})),
            (Form::TextMap, json!({"A": "b"}), json!({"A": 1})),
            (Form::TextMap, json!({}), json!(["A"])),
            (Form::Object, json!({}), json!("x")),
        ];
        for (form, good, bad) in cases {
            assert_eq!(form.misfits(&good), [], "{form:?} {good}");
            assert_eq!(form.misfits(&Value::Null), [], "{form:?} null");
            assert_eq!(form.misfits(&bad).len(), 1, "{form:?} {bad}");
        }
    }

    #[test]
    fn what_aws_may_come_to_allow_is_only_doubted() {
        assert_eq!(
            Form::Whole(1, 900).misfits(&json!(901)),
            [Misfit::Doubtful("AWS takes at most 900".into())]
        );
        assert!(matches!(
            Form::Days.misfits(&json!(31))[..],
            [Misfit::Doubtful(_)]
        ));
    }

    #[test]
    fn the_value_of_a_wrong_element_is_not_told() {
        let misfits = Form::TextMap.misfits(&json!({"PIN": 4711}));
        assert_eq!(
            misfits,
            [Misfit::Element(
                "PIN".into(),
                "expected a string, found a number".into()
            )]
        );
    }
}

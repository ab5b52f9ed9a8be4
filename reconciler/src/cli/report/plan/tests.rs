//! Rendered plans.

use grail_providers::port::Diff;
use grail_state::{Digest, Handle, Proof, Record, Remote, Version};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Counts, human, json as as_json, markdown};
use crate::plan::{Action, Plan, Step, StepId, Why};

fn step(id: u32, resource: &str, action: Action, why: Why) -> Step {
    Step {
        id: StepId(id),
        resource: resource.parse().unwrap(),
        action,
        want: None,
        wanted: None,
        have: None,
        depends_on: Default::default(),
        after: Vec::new(),
        rank: id,
        why,
        label: None,
    }
}

fn remote(handle: &str, spec: Value) -> Remote {
    Remote {
        handle: Handle(handle.into()),
        spec,
        outputs: Default::default(),
        proof: Proof::Ours,
        additions: Vec::new(),
    }
}

fn label(spec: &Value) -> Option<String> {
    spec["name"].as_str().map(str::to_owned)
}

/// A creation of `wanted`.
pub(crate) fn created(id: u32, resource: &str, wanted: Value) -> Step {
    let label = label(&wanted);
    let action = Action::Create { replaces: None };
    Step {
        wanted: Some(wanted),
        label,
        ..step(id, resource, action, Why::New)
    }
}

/// An update of `have` to `wanted`.
pub(crate) fn updated(id: u32, resource: &str, wanted: Value, have: Value) -> Step {
    let action = Action::Update {
        diff: Diff::between(&wanted, &have, &[]),
    };
    let label = label(&wanted);
    let have = Some(remote("handle", have));
    Step {
        wanted: Some(wanted),
        have,
        label,
        ..step(id, resource, action, Why::ConfigurationChanged)
    }
}

/// A deletion.
pub(crate) fn deleted(id: u32, resource: &str, handle: &str) -> Step {
    let action = Action::Delete { replaced_by: None };
    Step {
        have: Some(remote(handle, Value::Null)),
        ..step(id, resource, action, Why::NotWanted)
    }
}

/// A plan of these steps, and of four resources that stay.
pub(crate) fn planned(build: Vec<Step>, sweep: Vec<Step>) -> Plan {
    let unchanged = ["a", "b", "c", "d"]
        .map(|name| format!("log_group.{name}").parse().unwrap())
        .to_vec();
    let digest = Digest("d".repeat(64));
    Plan {
        build,
        sweep,
        unchanged,
        notes: Default::default(),
        additions: Default::default(),
        broadenings: Vec::new(),
        protected: None,
        moves: Default::default(),
        prune: Default::default(),
        base: Version(None),
        digest,
    }
}

fn statement(action: &str) -> Value {
    json!({"Effect": "Allow", "Action": [action, "logs:PutLogEvents"], "Resource": ["*"]})
}

fn policy(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [statement(action)]})
}

/// A plan with every sort of change.
pub(crate) fn rich() -> Plan {
    let role = |action: &str| json!({"name": "shop-dev", "policies": {"shop-dev": policy(action)}});
    let function = json!({
        "name": "shop-dev-worker", "memory": 256, "role": "(known after deploy: iam_role.worker/arn)",
        "environment": {"TABLE": "secret:aabbccdd:0123456789abcdef01234567"}, "code": "ab".repeat(32), "layers": [],
        "vpc": null, "tags": {"team": "x"},
    });
    let before = json!({
        "name": "shop-dev", "memory": 128, "environment": {"A": "secret:aabbccdd:aaaa456789abcdef01234567"},
        "code": "cd".repeat(32), "old": true,
    });
    let after = json!({
        "name": "shop-dev", "memory": 512, "environment": {"A": "secret:aabbccdd:bbbb456789abcdef01234567"},
        "code": "ef".repeat(32), "new": [1, 2],
    });
    let mut anew = created(
        3,
        "lambda_layer.managed-layer",
        json!({"name": "shop-dev-layer", "content": "2"}),
    );
    anew.action = Action::Create {
        replaces: Some(StepId(5)),
    };
    anew.why = Why::ConfigurationChanged;
    let mut old = deleted(5, "lambda_layer.managed-layer", "arn:layer:1");
    old.action = Action::Delete {
        replaced_by: Some(StepId(3)),
    };
    old.have = Some(remote(
        "arn:layer:1",
        json!({"name": "shop-dev-layer", "content": "1"}),
    ));
    let mut drifted = updated(
        1,
        "iam_role.default-role",
        role("s3:GetObject"),
        role("s3:PutObject"),
    );
    drifted.why = Why::ChangedOutside;
    let mut plan = planned(
        vec![
            created(0, "lambda_function.worker", function),
            drifted,
            updated(2, "lambda_function.api_handler", after, before),
            anew,
            deleted(4, "log_group.old-log-group", "/aws/lambda/old"),
        ],
        vec![old, deleted(6, "rest_api.rest_api", "abc123")],
    );
    let record = Record {
        handle: Handle("h".into()),
        spec: Value::Null,
        outputs: Default::default(),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    };
    plan.notes.insert("log_group.a".parse().unwrap(), Some(record));
    plan.notes.insert("log_group.gone".parse().unwrap(), None);
    plan
}

#[test]
fn a_plan_on_a_terminal() {
    assert_snapshot!(human(&rich(), false), @r#"
      + lambda_function.worker  shop-dev-worker  (new)
          + code               abababababab
          + environment.TABLE  (secret 01234567)
          + memory             256
          + name               "shop-dev-worker"
          + role               (known after deploy)
          + tags.team          "x"

      ~ iam_role.default-role  shop-dev  (changed outside)
          ~ policies.shop-dev
              - Allow s3:PutObject on *
              + Allow s3:GetObject on *

      ~ lambda_function.api_handler  shop-dev  (configuration changed)
          ~ code           cdcdcdcdcdcd -> efefefefefef
          ~ environment.A  (secret aaaa4567) -> (secret bbbb4567)
          ~ memory         128 -> 512
          + new            [1,2]
          - old            true

    -/+ lambda_layer.managed-layer  shop-dev-layer  (configuration changed)
          ~ content  "1" -> "2"

      - log_group.old-log-group  (no longer wanted)

    When all that is done, and not to be taken back:
      - rest_api.rest_api  (no longer wanted)

    Remembered without a write: log_group.a
    Forgotten, being gone already: log_group.gone
    Plan: 1 to create, 2 to update, 1 to replace, 2 to delete, 4 unchanged.
    "#);
}

#[test]
fn colours_are_there_when_asked_for_and_only_then() {
    assert!(!human(&rich(), false).contains('\u{1b}'));
    let coloured = human(&rich(), true);
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(
        console::strip_ansi_codes(&coloured),
        human(&rich(), false),
        "colours change no letter"
    );
}

#[test]
fn an_empty_plan_says_so() {
    assert_snapshot!(human(&planned(vec![], vec![]), false), @"No changes. 4 resources are as they should be.");
    assert_snapshot!(markdown(&planned(vec![], vec![])), @"**No changes.** 4 unchanged.");
    let mut nothing = planned(vec![], vec![]);
    nothing.unchanged.clear();
    assert_snapshot!(human(&nothing, false), @"No changes. There are no resources, and none are wanted; things are as they should be.");
}

#[test]
fn a_plan_in_a_pull_request() {
    assert_snapshot!(markdown(&rich()), @r#"
    **Plan:** 1 to create, 2 to update, 1 to replace, 2 to delete, 4 unchanged.

    | | Resource | Name | Why |
    | --- | --- | --- | --- |
    | replace | `lambda_layer.managed-layer` | `shop-dev-layer` | configuration changed |
    | delete | `log_group.old-log-group` |  | no longer wanted |
    | delete | `rest_api.rest_api` |  | no longer wanted; after the commit, not to be taken back |
    | create | `lambda_function.worker` | `shop-dev-worker` | new |
    | update | `iam_role.default-role` | `shop-dev` | changed outside |
    | update | `lambda_function.api_handler` | `shop-dev` | configuration changed |

    <details><summary><code>-/+ lambda_layer.managed-layer</code></summary>

    ```diff
    - content: "1"
    + content: "2"
    ```

    </details>

    <details><summary><code>~ iam_role.default-role</code></summary>

    ```diff
    - policies.shop-dev: Allow s3:PutObject on *
    + policies.shop-dev: Allow s3:GetObject on *
    ```

    </details>

    <details><summary><code>+ lambda_function.worker</code></summary>

    ```diff
    + code: abababababab
    + environment.TABLE: (secret 01234567)
    + memory: 256
    + name: "shop-dev-worker"
    + role: (known after deploy)
    + tags.team: "x"
    ```

    </details>

    <details><summary><code>~ lambda_function.api_handler</code></summary>

    ```diff
    - code: cdcdcdcdcdcd
    + code: efefefefefef
    - environment.A: (secret aaaa4567)
    + environment.A: (secret bbbb4567)
    - memory: 128
    + memory: 512
    + new: [1,2]
    - old: true
    ```

    </details>

    Remembered without a write: `log_group.a`

    Forgotten, being gone already: `log_group.gone`
    "#);
}

#[test]
fn markdown_cannot_be_broken_out_of() {
    let nasty = created(0, "iam_role.r", json!({"name": "a|b`c", "x": "```\n</details>"}));
    assert_snapshot!(markdown(&planned(vec![nasty], vec![])), @r#"
    **Plan:** 1 to create, 4 unchanged.

    | | Resource | Name | Why |
    | --- | --- | --- | --- |
    | create | `iam_role.r` | <code>a&#124;b&#96;c</code> | new |

    <details><summary><code>+ iam_role.r</code></summary>

    ````diff
    + name: "a|b`c"
    + x: "```\n</details>"
    ````

    </details>
    "#);
}

#[test]
fn the_json_form_is_the_plan_with_its_version_and_counts() {
    let written: Value = serde_json::from_str(&as_json(&rich())).unwrap();
    assert_eq!(written["version"], json!(crate::report::plan::VERSION));
    assert_eq!(
        written["counts"],
        json!({"create": 1, "update": 2, "replace": 1, "delete": 2, "unchanged": 4})
    );
    let read: Plan = serde_json::from_value(written).unwrap();
    assert_eq!(read, rich(), "a plan can be read back from it");
}

#[test]
fn a_replacement_counts_once() {
    let counts = Counts::of(&rich());
    assert_eq!(
        counts.to_string(),
        "1 to create, 2 to update, 1 to replace, 2 to delete, 4 unchanged"
    );
}

//! IAM roles.

use serde_json::{Map, Value, json};

use super::{IDENTITY, answered, policy, split_mark};
use crate::account::Account;

pub(super) async fn read(account: &Account) -> Value {
    let iam = account.iam();
    let listed = answered(
        "ListRoles",
        iam.list_roles()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await,
    );
    let mut roles = Map::new();
    for role in listed {
        let name = role.role_name();
        let tagged = answered("ListRoleTags", iam.list_role_tags().role_name(name).send().await);
        let (tags, mark) = split_mark(tagged.tags().iter().map(|tag| (tag.key(), tag.value())));
        roles.insert(
            name.to_owned(),
            json!({
                "path": role.path(),
                "description": role.description().unwrap_or_default(),
                "trust": policy::meaning(&policy::parsed(role.assume_role_policy_document().unwrap_or("{}"))),
                "policies": inline_policies(&iam, name).await,
                "attached": attached_policies(&iam, name).await,
                "tags": tags,
                IDENTITY: { "arn": role.arn(), "unique_id": role.role_id(), "mark": mark },
            }),
        );
    }
    roles.into()
}

async fn inline_policies(iam: &aws_sdk_iam::Client, role: &str) -> Value {
    let names = answered(
        "ListRolePolicies",
        iam.list_role_policies().role_name(role).send().await,
    );
    let mut policies = Map::new();
    for name in names.policy_names() {
        let got = answered(
            "GetRolePolicy",
            iam.get_role_policy()
                .role_name(role)
                .policy_name(name)
                .send()
                .await,
        );
        policies.insert(
            name.clone(),
            policy::meaning(&policy::parsed(got.policy_document())),
        );
    }
    policies.into()
}

async fn attached_policies(iam: &aws_sdk_iam::Client, role: &str) -> Value {
    let got = answered(
        "ListAttachedRolePolicies",
        iam.list_attached_role_policies().role_name(role).send().await,
    );
    let mut arns: Vec<&str> = got
        .attached_policies()
        .iter()
        .filter_map(|one| one.policy_arn())
        .collect();
    arns.sort_unstable();
    arns.into()
}

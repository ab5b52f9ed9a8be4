//! Lambda functions.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::get_policy::GetPolicyError;
use aws_sdk_lambda::types::FunctionConfiguration;
use serde_json::{Map, Value, json};

use super::{IDENTITY, answered, code, policy, sorted};
use crate::account::Account;

pub(super) async fn read(account: &Account) -> Value {
    let lambda = account.lambda();
    let listed = answered(
        "ListFunctions",
        lambda
            .list_functions()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await,
    );
    let mut functions = Map::new();
    for function in listed {
        let name = function.function_name().unwrap_or_default();
        let got = answered(
            "GetFunction",
            lambda.get_function().function_name(name).send().await,
        );
        functions.insert(name.to_owned(), described(&lambda, name, &got).await);
    }
    functions.into()
}

async fn described(lambda: &Client, name: &str, got: &GetFunctionOutput) -> Value {
    let location = got.code().and_then(|code| code.location());
    let archive = got
        .configuration()
        .and_then(|configuration| configuration.code_sha256());
    let policy = resource_policy(lambda, name).await;
    json!({
        "configuration": got.configuration().map(configuration),
        "code": code::at(location).await,
        "concurrency": got.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions()),
        "tags": got.tags(),
        "policy": policy::each_meaning(&policy),
        IDENTITY: { "archive": archive, "statement_ids": policy::statement_ids(&policy) },
    })
}

fn configuration(from: &FunctionConfiguration) -> Value {
    let variables = from.environment().and_then(|environment| environment.variables());
    let vpc = from.vpc_config();
    let layers: Vec<&str> = from.layers().iter().filter_map(|layer| layer.arn()).collect();
    let architectures: Vec<&str> = from.architectures().iter().map(|one| one.as_str()).collect();
    json!({
        "arn": from.function_arn(),
        "runtime": from.runtime().map(|runtime| runtime.as_str()),
        "role": from.role(),
        "handler": from.handler(),
        "description": from.description().unwrap_or_default(),
        "timeout": from.timeout(),
        "memory": from.memory_size(),
        "environment": variables,
        "subnets": sorted(vpc.map(|vpc| vpc.subnet_ids()).unwrap_or_default()),
        "security_groups": sorted(vpc.map(|vpc| vpc.security_group_ids()).unwrap_or_default()),
        "tracing": from.tracing_config().and_then(|tracing| tracing.mode()).map(|mode| mode.as_str()),
        "layers": layers,
        "architectures": architectures,
        "package": from.package_type().map(|kind| kind.as_str()),
    })
}

async fn resource_policy(lambda: &Client, name: &str) -> Value {
    match lambda.get_policy().function_name(name).send().await {
        Ok(got) => policy::parsed(got.policy().unwrap_or("{}")),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetPolicyError::is_resource_not_found_exception) =>
        {
            Value::Null
        }
        Err(error) => answered("GetPolicy", Err(error)),
    }
}

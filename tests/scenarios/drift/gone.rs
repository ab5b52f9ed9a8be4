//! One thing of each kind, deleted behind grail's back.

use std::collections::BTreeSet;

use super::scene::{Scene, done};

/// Deletes them. What goes with the deleted is named too.
pub(crate) fn delete_one_of_each(scene: &Scene) -> BTreeSet<String> {
    let account = scene.account();
    let (lambda, rest, socket) = (account.lambda(), account.apigateway(), account.apigatewayv2());
    let mut gone = BTreeSet::new();
    let mut take = |kind: &str, number: usize| {
        let (id, handle) = scene.one(kind, number);
        gone.insert(id);
        handle
    };

    // Mappings go before their domains, and those before nothing else.
    for number in 0..scene.all("api_mapping").len() {
        take("api_mapping", number);
    }
    for number in 0..scene.all("custom_domain").len() {
        let domain = take("custom_domain", number);
        done(rest.delete_domain_name().domain_name(domain).send());
    }
    take("api_stage", 0);
    let api = take("rest_api", 0);
    done(rest.delete_rest_api().rest_api_id(api).send());
    take("websocket_stage", 0);
    let api = take("websocket_api", 0);
    done(socket.delete_api().api_id(api).send());

    let rule = take("event_rule", 0);
    let events = account.events();
    done(events.remove_targets().rule(&rule).ids("1").send());
    done(events.delete_rule().name(rule).send());
    for kind in super::things::KINDS {
        let handle = take(kind, 0);
        super::things::delete(account, kind, &handle);
    }
    let function = take("function_url", 0);
    done(lambda.delete_function_url_config().function_name(function).send());
    let alias = take("lambda_alias", 0);
    let (function, alias) = alias.rsplit_once(':').unwrap();
    let function = function.rsplit(':').next().unwrap().to_owned();
    done(lambda.delete_alias().function_name(&function).name(alias).send());
    let version = take("lambda_version", 0);
    let number = version.rsplit(':').next().unwrap();
    done(
        lambda
            .delete_function()
            .function_name(function)
            .qualifier(number)
            .send(),
    );
    let mapping = take("event_source_mapping", 0);
    done(lambda.delete_event_source_mapping().uuid(mapping).send());
    let group = take("log_group", 0);
    done(account.logs().delete_log_group().log_group_name(group).send());
    let bucket = take("s3_notification", 0);
    let empty = grail_tests::account::sdk::s3::types::NotificationConfiguration::builder().build();
    let call = account
        .s3()
        .put_bucket_notification_configuration()
        .bucket(bucket);
    done(call.notification_configuration(empty).send());
    let subscription = take("sns_subscription", 0);
    done(account.sns().unsubscribe().subscription_arn(subscription).send());
    let layer = take("lambda_layer", 0);
    let (name, version) = layer.rsplit_once(':').unwrap();
    let call = lambda.delete_layer_version().layer_name(name);
    done(call.version_number(version.parse().unwrap()).send());

    // A function goes with its policy, and a role whatever runs under it.
    let permission = take("lambda_permission", 0);
    let (function, sid) = permission.rsplit_once('/').unwrap();
    done(
        lambda
            .remove_permission()
            .function_name(function)
            .statement_id(sid)
            .send(),
    );
    let role = take("iam_role", 0);
    let iam = account.iam();
    for policy in done(iam.list_role_policies().role_name(&role).send()).policy_names() {
        done(
            iam.delete_role_policy()
                .role_name(&role)
                .policy_name(policy)
                .send(),
        );
    }
    done(iam.delete_role().role_name(&role).send());
    let unmapped = |arn: &str| {
        let name = arn.rsplit(':').next().unwrap();
        scene
            .all("lambda_permission")
            .iter()
            .all(|(_, handle)| !handle.starts_with(&format!("{name}/")))
    };
    let mut functions = scene.all("lambda_function").into_iter();
    let (id, arn) = functions.find(|(_, arn)| unmapped(arn)).unwrap();
    done(lambda.delete_function().function_name(arn).send());
    gone.insert(id);
    gone
}

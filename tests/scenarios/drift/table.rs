//! Every field of every kind's form: how it is changed behind grail's back, or why nobody can.

use super::fields as to;
use super::scene::Scene;
use super::things;

/// How a field is changed.
pub(crate) enum How {
    /// So. The answer is the resource that was changed.
    Changed(fn(&Scene) -> String),
    /// Not at all, for this reason. That its thing is deleted is shown for every kind.
    Never(&'static str),
}

use How::{Changed, Never};

const NAME: &str = "it is the identity: a thing of another name is another thing";
const FIXED: &str = "the service changes it on no living thing";
const UNSEEN: &str = "no part of what is compared";

const FIFO: &str = "a queue or topic that is not FIFO has no such field";
const KEYS: &str = "indexes with their attributes are told whole: the kind's tests have it";

const MOTO: &str = "moto has no such change: the kind's tests have it";

/// See the module. Sorted by kind and field.
pub(crate) const FIELDS: &[(&str, &str, How)] = &[
    ("api_mapping", "api", Changed(to::mapping_to_another_api)),
    ("api_mapping", "domain", Never(NAME)),
    ("api_mapping", "prefix", Never(NAME)),
    ("api_mapping", "protocol", Never(NAME)),
    ("api_mapping", "stage", Changed(to::mapping_to_another_stage)),
    ("api_stage", "api", Never(NAME)),
    ("api_stage", "definition", Changed(to::stage_definition)),
    ("api_stage", "deployment", Never(UNSEEN)),
    ("api_stage", "stage", Never(NAME)),
    ("api_stage", "tracing", Changed(to::stage_tracing)),
    (
        "custom_domain",
        "certificate_arn",
        Changed(to::domain_certificate),
    ),
    (
        "custom_domain",
        "endpoint_type",
        Changed(to::domain_endpoint_type),
    ),
    ("custom_domain", "name", Never(NAME)),
    ("custom_domain", "protocol", Never(NAME)),
    (
        "custom_domain",
        "security_policy",
        Changed(to::domain_security_policy),
    ),
    ("custom_domain", "tags", Changed(to::domain_tags)),
    ("dynamodb_table", "attributes", Never(KEYS)),
    ("dynamodb_table", "capacity", Changed(things::table_capacity)),
    (
        "dynamodb_table",
        "deletion_protection",
        Changed(things::table_protection),
    ),
    ("dynamodb_table", "indexes", Never(KEYS)),
    ("dynamodb_table", "key", Never(NAME)),
    ("dynamodb_table", "name", Never(NAME)),
    (
        "dynamodb_table",
        "point_in_time_recovery",
        Changed(things::table_recovery),
    ),
    ("dynamodb_table", "stream", Never(MOTO)),
    ("dynamodb_table", "tags", Changed(things::table_tags)),
    ("dynamodb_table", "ttl", Changed(things::table_ttl)),
    ("event_bus", "name", Never(NAME)),
    ("event_bus", "tags", Changed(things::bus_tags)),
    ("event_rule", "description", Changed(to::rule_description)),
    ("event_rule", "enabled", Changed(to::rule_enabled)),
    ("event_rule", "function", Changed(to::rule_function)),
    ("event_rule", "name", Never(NAME)),
    ("event_rule", "pattern", Changed(to::rule_pattern)),
    ("event_rule", "schedule", Changed(to::rule_schedule)),
    ("event_rule", "target", Changed(to::rule_target)),
    (
        "event_source_mapping",
        "batch_size",
        Changed(to::mapping_batch_size),
    ),
    ("event_source_mapping", "enabled", Changed(to::mapping_enabled)),
    ("event_source_mapping", "function", Changed(to::mapping_function)),
    (
        "event_source_mapping",
        "maximum_batching_window",
        Changed(to::mapping_batching_window),
    ),
    (
        "event_source_mapping",
        "maximum_concurrency",
        Changed(to::mapping_concurrency),
    ),
    (
        "event_source_mapping",
        "name",
        Never("it is what Chalice's file calls the source"),
    ),
    ("event_source_mapping", "service", Never(FIXED)),
    ("event_source_mapping", "source_arn", Never(FIXED)),
    (
        "event_source_mapping",
        "starting_position",
        Never("it counts at birth alone"),
    ),
    ("function_url", "alias", Never(NAME)),
    ("function_url", "amiss", Changed(to::url_statement)),
    ("function_url", "auth", Never(MOTO)),
    ("function_url", "cors", Changed(to::url_cors)),
    ("function_url", "function", Never(NAME)),
    ("function_url", "invoke_mode", Never(MOTO)),
    ("iam_role", "boundary", Changed(to::role_boundary)),
    ("iam_role", "name", Never(NAME)),
    ("iam_role", "policies", Changed(to::role_policies)),
    ("iam_role", "trust", Changed(to::role_trust)),
    ("kinesis_stream", "name", Never(NAME)),
    ("kinesis_stream", "retention", Changed(things::stream_retention)),
    ("kinesis_stream", "shards", Changed(things::stream_shards)),
    ("kinesis_stream", "tags", Changed(things::stream_tags)),
    (
        "lambda_function",
        "architecture",
        Changed(to::function_architecture),
    ),
    ("lambda_function", "code", Changed(to::function_code)),
    ("lambda_function", "dead_letter", Never(MOTO)),
    (
        "lambda_function",
        "description",
        Changed(to::function_description),
    ),
    (
        "lambda_function",
        "environment",
        Changed(to::function_environment),
    ),
    ("lambda_function", "ephemeral_storage", Never(MOTO)),
    (
        "lambda_function",
        "failed",
        Never("Lambda sets it where an update of its own fails: the kind's tests have it"),
    ),
    ("lambda_function", "handler", Changed(to::function_handler)),
    ("lambda_function", "image_config", Never(MOTO)),
    ("lambda_function", "layers", Changed(to::function_layers)),
    ("lambda_function", "memory", Changed(to::function_memory)),
    ("lambda_function", "name", Never(NAME)),
    (
        "lambda_function",
        "reserved_concurrency",
        Changed(to::function_reserved_concurrency),
    ),
    ("lambda_function", "role", Changed(to::function_role)),
    ("lambda_function", "runtime", Changed(to::function_runtime)),
    ("lambda_function", "snap_start", Never(MOTO)),
    ("lambda_function", "tags", Changed(to::function_tags)),
    ("lambda_function", "timeout", Changed(to::function_timeout)),
    ("lambda_function", "tracing", Changed(to::function_tracing)),
    ("lambda_function", "vpc", Changed(to::function_vpc)),
    ("lambda_layer", "architecture", Never(FIXED)),
    ("lambda_layer", "code", Never(FIXED)),
    ("lambda_layer", "name", Never(NAME)),
    ("lambda_layer", "runtime", Never(FIXED)),
    ("lambda_permission", "function", Never(NAME)),
    (
        "lambda_permission",
        "principal",
        Changed(to::permission_principal),
    ),
    (
        "lambda_permission",
        "source_account",
        Changed(to::permission_source_account),
    ),
    (
        "lambda_permission",
        "source_arn",
        Changed(to::permission_source_arn),
    ),
    ("log_group", "name", Never(NAME)),
    ("log_group", "retention_days", Changed(to::log_retention)),
    ("rest_api", "definition", Changed(to::rest_definition)),
    ("rest_api", "endpoint_type", Changed(to::rest_endpoint_type)),
    ("rest_api", "minimum_compression", Changed(to::rest_compression)),
    ("rest_api", "name", Changed(to::rest_name)),
    ("s3_bucket", "encryption", Changed(things::bucket_encryption)),
    ("s3_bucket", "name", Never(NAME)),
    (
        "s3_bucket",
        "public_access_blocked",
        Changed(things::bucket_block),
    ),
    ("s3_bucket", "tags", Changed(things::bucket_tags)),
    ("s3_bucket", "versioning", Changed(things::bucket_versioning)),
    ("s3_notification", "bucket", Never(NAME)),
    ("s3_notification", "entries", Changed(to::bucket_entries)),
    (
        "sns_subscription",
        "attributes",
        Never("it holds what others have set, which is told as an addition and kept"),
    ),
    ("sns_subscription", "function", Never(FIXED)),
    ("sns_subscription", "topic", Never(FIXED)),
    ("sns_subscription", "topic_arn", Never(FIXED)),
    ("sns_topic", "content_deduplication", Never(FIFO)),
    ("sns_topic", "display_name", Changed(things::topic_name)),
    ("sns_topic", "fifo", Never(FIXED)),
    ("sns_topic", "name", Never(NAME)),
    ("sns_topic", "tags", Changed(things::topic_tags)),
    ("sqs_queue", "content_deduplication", Never(FIFO)),
    ("sqs_queue", "dead_letter", Changed(things::queue_dead_letter)),
    ("sqs_queue", "delay", Changed(things::queue_delay)),
    ("sqs_queue", "encryption", Changed(things::queue_encryption)),
    ("sqs_queue", "fifo", Never(FIXED)),
    ("sqs_queue", "name", Never(NAME)),
    ("sqs_queue", "receive_wait", Changed(things::queue_wait)),
    ("sqs_queue", "retention", Changed(things::queue_retention)),
    ("sqs_queue", "tags", Changed(things::queue_tags)),
    (
        "sqs_queue",
        "visibility_timeout",
        Changed(things::queue_visibility),
    ),
    ("websocket_api", "name", Changed(to::socket_name)),
    ("websocket_api", "routes", Changed(to::socket_routes)),
    ("websocket_stage", "api", Never(NAME)),
    (
        "websocket_stage",
        "definition",
        Changed(to::socket_stage_definition),
    ),
    ("websocket_stage", "deployment", Never(UNSEEN)),
    ("websocket_stage", "stage", Never(NAME)),
];

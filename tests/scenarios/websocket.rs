//! A WebSocket API on the local cloud: an echo by the app's own Python, and a changed route that is live.

use grail_tests::account::Account;
use grail_tests::cli::Run;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use grail_tests::websocket::WebSocket;

use crate::local_ground::LocalGround;

fn url_in(run: &Run) -> String {
    let told = run.stdout.split("Websocket API URL: ").nth(1);
    let told = told.and_then(|rest| rest.lines().next());
    told.unwrap_or_else(|| panic!("it tells no URL: {run}"))
        .to_owned()
}

fn connected(url: &str) -> WebSocket {
    WebSocket::connect(url).unwrap_or_else(|refused| panic!("{url}: {refused}"))
}

/// The route keys of the one API, and the deployment of its stage, in order.
fn routes_and_deployment(account: &Account) -> (Vec<String>, String) {
    block_on(async {
        let client = account.apigatewayv2();
        let apis = client.get_apis().send().await.unwrap();
        let [api] = apis.items() else {
            panic!("not one API: {apis:?}")
        };
        let id = api.api_id().unwrap();
        let routes = client.get_routes().api_id(id).send().await.unwrap();
        let mut keys: Vec<_> = routes
            .items()
            .iter()
            .map(|route| route.route_key().unwrap().to_owned())
            .collect();
        keys.sort_unstable();
        let stage = client
            .get_stage()
            .api_id(id)
            .stage_name("api")
            .send()
            .await
            .unwrap();
        let deployment = stage.deployment_id().unwrap().to_owned();
        let found = client.get_deployment().api_id(id).deployment_id(&deployment);
        found.send().await.unwrap();
        (keys, deployment)
    })
}

/// What is left of the app in the account.
fn left(account: &Account) -> Vec<String> {
    block_on(async {
        let mut left = Vec::new();
        let functions = account.lambda().list_functions().send().await.unwrap();
        left.extend(
            functions
                .functions()
                .iter()
                .filter_map(|one| one.function_name().map(str::to_owned)),
        );
        let roles = account.iam().list_roles().send().await.unwrap();
        left.extend(roles.roles().iter().map(|role| role.role_name().to_owned()));
        let apis = account.apigatewayv2().get_apis().send().await.unwrap();
        left.extend(
            apis.items()
                .iter()
                .filter_map(|api| api.name().map(str::to_owned)),
        );
        left
    })
}

#[test]
fn an_echo_is_heard_edits_and_routes_are_live_and_delete_leaves_nothing() {
    let ground = LocalGround::new(Project::example("websocket"));
    let run = ground.deploy();
    assert!(run.stderr.contains("Done: 9 created"), "{run}");
    let (account, url) = (ground.account(), url_in(&run));
    let mut open = connected(&url);
    assert_eq!(open.ask("hello").as_deref(), Some("you said: hello"));
    let long = "long ".repeat(1000);
    assert_eq!(open.ask(&long), Some(format!("you said: {long}")));
    let other = connected(&url).ask("me too");
    assert_eq!(other.as_deref(), Some("you said: me too"));

    let remembered = ground.remembered();
    assert_eq!(ground.deploy_steps(), []);
    assert_eq!(ground.remembered(), remembered);

    ground.project.edit("app.py", "'you said: '", "'you wrote: '");
    let update = |name: &str| ("update".to_owned(), format!("lambda_function.websocket_{name}"));
    assert_eq!(
        ground.deploy_steps(),
        ["connect", "disconnect", "message"].map(update)
    );
    assert_eq!(open.ask("hello").as_deref(), Some("you wrote: hello"));
    drop(open);

    routes_follow_the_app(&ground, &account, &url);

    ground.run(&["delete", "--local"]).expect_success();
    assert_eq!(left(&account), Vec::<String>::new());
    ground.run(&["delete", "--local"]).expect_success();
}

/// Handlers come and go; each time the stage has a deployment of what is there now.
fn routes_follow_the_app(ground: &LocalGround, account: &Account, url: &str) {
    let (keys, first) = routes_and_deployment(account);
    assert_eq!(keys, ["$connect", "$default", "$disconnect"]);

    let comes = "@app.on_ws_connect()\ndef connect(event):\n    print('%s came' % event.connection_id)\n";
    ground.project.edit("app.py", comes, "");
    let heard = "def message(event):\n";
    let only = format!("{heard}    assert event.body, 'told of more than messages'\n");
    ground.project.edit("app.py", heard, &only);
    ground.deploy();
    let (keys, second) = routes_and_deployment(account);
    assert_eq!(keys, ["$default", "$disconnect"]);
    assert_ne!(second, first, "the stage was not given what changed");
    assert_eq!(
        connected(url).ask("hello").as_deref(),
        Some("you wrote: hello"),
        "without a handler everybody may connect"
    );

    let app = ground.project.read("app.py");
    let refuses = "\n\n@app.on_ws_connect()\ndef connect(event):\n    raise ValueError('closed')\n";
    ground.project.write("app.py", &(app + refuses));
    ground.deploy();
    let (keys, third) = routes_and_deployment(account);
    assert_eq!(keys, ["$connect", "$default", "$disconnect"]);
    assert_ne!(third, second, "the stage was not given what changed");
    assert!(WebSocket::connect(url).is_err(), "the new handler lets nobody in");
}

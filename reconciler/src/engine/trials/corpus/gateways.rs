//! WebSocket APIs and custom domains: created, changed, moved, taken away.

use super::{Plan, plan, small};
use crate::engine::trials::app::{App, Fun, Site};

fn chatting() -> App {
    small().with_socket("one")
}

/// Both protocols behind domains.
fn sited() -> App {
    chatting().with_api().change(|app| {
        app.http().site = Some(Site::at("api.example.com"));
        app.socket().site = Some(Site::at("ws.example.com"));
    })
}

fn rest_site(app: &mut App) -> &mut Site {
    app.http().site.as_mut().unwrap()
}

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = socket_plans();
    plans.extend(domain_plans());
    plans
}

fn socket_plans() -> Vec<Plan> {
    vec![
        plan("create-socket", None, chatting()),
        plan(
            "update-socket",
            chatting(),
            chatting().change(|app| {
                app.functions.insert("two".into(), Fun::plain());
                app.socket().routes.insert("$default", "two".into());
                app.socket().routes.remove("$connect");
            }),
        ),
        plan(
            "grow-socket",
            chatting().change(|app| drop(app.socket().routes.remove("$disconnect"))),
            chatting(),
        ),
        plan(
            "replace-handler",
            chatting(),
            chatting().change(|app| app.fun("one").called = Some("un".into())),
        ),
        plan("drop-socket", chatting(), small()),
        plan("delete-socket", chatting(), None),
    ]
}

fn domain_plans() -> Vec<Plan> {
    vec![
        plan("create-domains", None, sited()),
        plan(
            "update-domains",
            sited().change(|app| rest_site(app).tag = Some("x")),
            sited().change(|app| {
                rest_site(app).certificate = 2;
                app.socket().site.as_mut().unwrap().tag = Some("y");
            }),
        ),
        plan(
            "move-path",
            sited(),
            sited().change(|app| rest_site(app).prefix = "v1"),
        ),
        plan(
            "replace-api-behind-domain",
            sited(),
            sited().change(|app| app.http().endpoint = "REGIONAL"),
        ),
        plan(
            "drop-domain",
            sited(),
            sited().change(|app| app.http().site = None),
        ),
        plan(
            "change-domain",
            sited(),
            sited().change(|app| rest_site(app).domain = "www.example.com"),
        ),
        plan("delete-domains", sited(), None),
    ]
}

//! A small graph in every form.

use insta::assert_snapshot;

use super::super::{Condition, Detail, Graph, Node, dot, element_id, mermaid, svg};
use super::{graph, shop};

#[test]
fn the_shop_in_dot() {
    assert_snapshot!(dot(&shop(), Detail::Folded));
}

#[test]
fn the_shop_in_mermaid() {
    assert_snapshot!(mermaid(&shop(), Detail::Folded));
}

#[test]
fn the_shop_in_svg() {
    let picture = svg(&shop(), Detail::Folded);
    let (_, drawn) = picture.split_once("</style>").unwrap();
    assert_snapshot!(drawn);
}

#[test]
fn every_condition_has_its_sign_and_its_colours() {
    let drawn: Vec<_> = Condition::ALL
        .iter()
        .map(|condition| (format!("x.{condition}"), *condition))
        .collect();
    let of: Vec<(&str, Condition, &[&str])> = drawn
        .iter()
        .map(|(name, condition)| (name.as_str(), *condition, [].as_slice()))
        .collect();
    let graph = graph(&of);
    let picture = svg(&graph, Detail::Folded);
    for condition in Condition::ALL {
        let rule = format!("[data-condition={condition}]>.box{{fill:#");
        assert_eq!(picture.matches(&rule).count(), 2, "light and dark: {rule}");
    }
    for sign in [
        ">+<", ">~<", ">-/+<", ">-<", ">!<", ">..<", ">&gt;<", ">ok<", ">x<",
    ] {
        assert!(picture.contains(sign), "{sign}");
    }
    assert_eq!(
        graph.summary(),
        "10 resources: 1 to create, 1 to update, 1 to replace, 1 to delete, 1 changed outside, \
                                 1 waiting, 1 in progress, 1 done, 1 failed, 1 unchanged"
    );
}

#[test]
fn no_two_resources_share_an_element() {
    let id = |text: &str| element_id(&text.parse().unwrap());
    assert_eq!(id("lambda_function.a/b"), "r-lambda__function.a_2Fb");
    assert_ne!(id("x.a_2F"), id("x.a/"));
    assert_ne!(id("x.a__"), id("x.a_"));
}

#[test]
fn nothing_is_a_picture_too() {
    let empty = Graph::default();
    assert!(svg(&empty, Detail::All).contains("0 resources"));
    let one = Graph {
        title: "one".to_owned(),
        nodes: [("x.y".parse().unwrap(), Node::default())].into(),
    };
    assert!(svg(&one, Detail::Folded).contains(">1 resource<"));
}

#[test]
fn a_long_name_is_whole_in_its_title() {
    let long = format!("lambda_function.{}", "name_and_".repeat(12));
    let picture = svg(&graph(&[(&long, Condition::Create, &[])]), Detail::Folded);
    assert!(picture.contains(&format!("<title>{long}: to create</title>")));
    assert!(picture.contains('…'));
}

//! Pictures: what holds for all of them, and some small ones as they are.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::ResourceId;
use proptest::prelude::*;

use super::blocks::{Blocks, blocks};
use super::layout::{HEADING, Layout, Rect, lay_out};
use super::{Condition, Detail, Graph, Node, dot, element_id, mermaid, reduce, svg};

mod forms;
mod wellformed;

const KINDS: [&str; 8] = [
    "iam_role",
    "lambda_function",
    "log_group",
    "lambda_permission",
    "event_source_mapping",
    "rest_api",
    "api_stage",
    "made_up_kind",
];

/// A graph of these resources, each with what it needs.
fn graph(of: &[(&str, Condition, &[&str])]) -> Graph {
    let id = |text: &&str| text.parse::<ResourceId>().unwrap();
    let nodes = of.iter().enumerate().map(|(rank, (name, condition, needs))| {
        let node = Node {
            condition: *condition,
            needs: needs.iter().map(id).collect(),
            rank: u32::try_from(rank).unwrap(),
            ..Node::default()
        };
        (id(name), node)
    });
    Graph {
        title: "shop-dev".to_owned(),
        nodes: nodes.collect(),
    }
}

/// The shop of the examples.
fn shop() -> Graph {
    use Condition::{Create, Unchanged, Update};
    let mut shop = graph(&[
        ("iam_role.default-role", Update, &[]),
        ("lambda_function.door", Unchanged, &["iam_role.default-role"]),
        ("lambda_function.api_handler", Create, &["iam_role.default-role"]),
        (
            "rest_api.rest_api",
            Create,
            &["lambda_function.api_handler", "lambda_function.door"],
        ),
        (
            "lambda_permission.door/rest_api",
            Create,
            &["lambda_function.door", "rest_api.rest_api"],
        ),
        (
            "api_stage.rest_api",
            Create,
            &[
                "rest_api.rest_api",
                "lambda_permission.door/rest_api",
                "lambda_function.door",
            ],
        ),
    ]);
    for (id, node) in &mut shop.nodes {
        node.label = (id.kind.as_str() == "lambda_function").then(|| format!("shop-dev-{}", id.name));
        node.why = (node.condition == Update).then(|| "configuration changed".to_owned());
    }
    shop
}

/// Names, edges and conditions of all sorts; most edges lead back in the order of the nodes, a few make circles.
fn any_graph() -> impl Strategy<Value = Graph> {
    let name = prop_oneof![
        4 => "[a-z_]{1,12}",
        1 => "[ -~]{1,60}",
        1 => any::<String>().prop_map(|text| format!("{text}.")),
    ];
    let node = (
        0..KINDS.len(),
        name,
        0..Condition::ALL.len(),
        proptest::collection::vec((any::<prop::sample::Index>(), 0..20_u8), 0..5),
        proptest::option::of("\\PC{0,40}"),
        0..4_u32,
    );
    (proptest::collection::vec(node, 0..60), any::<String>()).prop_map(|(drawn, title)| {
        let ids: Vec<ResourceId> = drawn
            .iter()
            .map(|(kind, name, ..)| ResourceId::new(grail_state::Kind::new(KINDS[*kind]), name.clone()))
            .collect();
        let mut nodes = BTreeMap::new();
        for (at, (_, _, condition, edges, label, rank)) in drawn.into_iter().enumerate() {
            let to = |(index, circle): (prop::sample::Index, u8)| match circle {
                0 => Some(ids[index.index(ids.len())].clone()),
                // What many need.
                1..=6 => Some(ids[0].clone()).filter(|_| at > 0),
                _ => (at > 0).then(|| ids[index.index(at)].clone()),
            };
            let node = Node {
                label,
                condition: Condition::ALL[condition],
                why: None,
                needs: edges.into_iter().filter_map(to).collect(),
                rank,
            };
            nodes.insert(ids[at].clone(), node);
        }
        Graph { title, nodes }
    })
}

fn overlap(one: &Rect, other: &Rect) -> bool {
    one.x < other.x + other.width
        && other.x < one.x + one.width
        && one.y < other.y + other.height
        && other.y < one.y + one.height
}

fn contains(place: &Rect, (x, y): (i32, i32)) -> bool {
    (place.x + 1..place.x + place.width).contains(&x) && (place.y + 1..place.y + place.height).contains(&y)
}

fn check_places(layout: &Layout) {
    for (at, place) in layout.boxes.iter().enumerate() {
        assert!(place.width > 0 && place.height > 0, "{place:?}");
        assert!(place.x > 0 && place.y >= HEADING, "{place:?}");
        assert!(place.x + place.width < layout.width && place.y + place.height < layout.height);
        for other in &layout.boxes[at + 1..] {
            assert!(!overlap(place, other), "{place:?} {other:?}");
        }
    }
}

/// Every line leads down, from the lower side of the one box to the upper side of the other, without a gap, and not through a box.
fn check_lines(blocks: &Blocks<'_>, layout: &Layout) {
    for ((from, to), numbers) in &layout.links {
        let (upper, lower) = (layout.boxes[*from], layout.boxes[*to]);
        let mut at = None;
        for number in numbers {
            let [start, below, end] = layout.segments[*number].points;
            assert!(start.1 <= below.1 && below.1 < end.1 && start.0 == below.0);
            if let Some(at) = at {
                assert_eq!(at, start);
            }
            at = Some(end);
            assert!(
                !layout
                    .boxes
                    .iter()
                    .any(|place| contains(place, start) || contains(place, below))
            );
        }
        let first = layout.segments[numbers[0]].points[0];
        if blocks.all[*to].lines.contains(from) {
            assert_eq!(first, (upper.x + upper.width / 2, upper.y + upper.height));
        } else {
            assert!(
                branches(layout, *from).contains(&first),
                "a rail without a branch"
            );
        }
        assert_eq!(at, Some((lower.x + lower.width / 2, lower.y)));
    }
}

fn branches(layout: &Layout, hub: usize) -> BTreeSet<(i32, i32)> {
    let rails = layout.rails.iter().filter(|rail| rail.hub == hub);
    rails
        .flat_map(|rail| {
            rail.lanes
                .iter()
                .flat_map(|(_, branches)| branches.iter().copied())
        })
        .collect()
}

/// Every rail leads down, and to each box that needs what it comes from.
fn check_rails(blocks: &Blocks<'_>, layout: &Layout) {
    for rail in &layout.rails {
        let mut before = rail.first;
        assert!(rail.start.1 < rail.first);
        for (lane, branches) in &rail.lanes {
            assert!(*lane > before);
            assert!(
                branches
                    .iter()
                    .all(|(across, down)| down > lane && *across > rail.trunk)
            );
            before = *lane;
        }
        let reached = branches(layout, rail.hub);
        for (at, block) in blocks
            .all
            .iter()
            .enumerate()
            .filter(|(_, block)| block.rails.contains(&rail.hub))
        {
            let place = layout.boxes[at];
            let directly = reached
                .iter()
                .any(|(x, y)| *y == place.y && (place.x..place.x + place.width).contains(x));
            assert!(
                directly || layout.links.contains_key(&(rail.hub, at)),
                "{} is not reached",
                block.id
            );
        }
    }
}

/// What is needed is drawn, or follows from what is drawn; nothing else is.
fn check_edges(graph: &Graph, blocks: &Blocks<'_>) {
    let mut box_of = BTreeMap::new();
    for (at, block) in blocks.all.iter().enumerate() {
        box_of.insert(block.id, at);
        block
            .rows
            .iter()
            .for_each(|(id, _)| assert!(box_of.insert(*id, at).is_none(), "{id} twice"));
    }
    assert_eq!(box_of.len(), graph.nodes.len());
    let drawn = |at: usize| {
        let block = &blocks.all[at];
        block
            .lines
            .iter()
            .chain(&block.rails)
            .chain(&block.noted)
            .copied()
    };
    let above = |at: usize| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![at]);
        while let Some(one) = next.pop() {
            next.extend(drawn(one).filter(|need| seen.insert(*need)));
        }
        seen
    };
    let reached: Vec<BTreeSet<usize>> = (0..blocks.all.len()).map(above).collect();
    let mut needed: Vec<BTreeSet<usize>> = Vec::new();
    for block in &blocks.all {
        needed.push(
            block
                .node
                .needs
                .iter()
                .filter_map(|need| box_of.get(need).copied())
                .collect(),
        );
    }
    for (at, needs) in needed.iter().enumerate() {
        assert!(!reached[at].contains(&at), "a circle is drawn");
        // Of a circle, some edge is left out.
        for need in needs.iter().filter(|need| !reduce::reaches(&needed, **need, at)) {
            assert!(
                reached[at].contains(need),
                "{} needs {}",
                blocks.all[at].id,
                blocks.all[*need].id
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_picture_can_be_read(graph in any_graph(), all in any::<bool>()) {
        let detail = if all { Detail::All } else { Detail::Folded };
        let blocks = blocks(&graph, detail);
        let layout = lay_out(&blocks);
        check_places(&layout);
        check_lines(&blocks, &layout);
        check_rails(&blocks, &layout);
        check_edges(&graph, &blocks);
        let count = i32::try_from(graph.nodes.len()).unwrap();
        prop_assert!(layout.width <= 700 + 300 * count && layout.height <= 300 + 150 * count);
    }

    #[test]
    fn whatever_the_names_every_form_is_well_formed(graph in any_graph(), all in any::<bool>()) {
        let detail = if all { Detail::All } else { Detail::Folded };
        let picture = svg(&graph, detail);
        let ids = wellformed::xml(&picture);
        prop_assert_eq!(picture.matches("data-resource=").count(), graph.nodes.len());
        for id in graph.nodes.keys() {
            prop_assert!(ids.contains(&element_id(id)), "{} has no element", id);
        }
        wellformed::dot(&dot(&graph, detail));
        wellformed::mermaid(&mermaid(&graph, detail));
        prop_assert_eq!(picture, svg(&graph.clone(), detail));
    }

    #[test]
    fn nothing_moves_when_a_condition_changes(graph in any_graph()) {
        let mut later = graph.clone();
        later.nodes.values_mut().for_each(|node| node.condition = Condition::Done);
        let (one, other) = (blocks(&graph, Detail::Folded), blocks(&later, Detail::Folded));
        prop_assert_eq!(lay_out(&one).boxes, lay_out(&other).boxes);
    }
}

/// A stage of `count` functions under one role, with an API that comes after them all.
fn bazaar(count: usize) -> Graph {
    let mut resources = vec![("iam_role.default-role".to_owned(), vec![])];
    let mut functions = Vec::new();
    for number in 0..count {
        let function = format!("lambda_function.f{number:04}");
        resources.push((function.clone(), vec!["iam_role.default-role".to_owned()]));
        resources.push((format!("log_group.f{number:04}-log-group"), vec![]));
        resources.push((
            format!("lambda_permission.f{number:04}/event"),
            vec![function.clone()],
        ));
        resources.push((
            format!("event_rule.f{number:04}-event"),
            vec![function.clone(), format!("lambda_permission.f{number:04}/event")],
        ));
        functions.push(function);
    }
    resources.push((
        "rest_api.rest_api".to_owned(),
        vec![functions[0].clone(), functions[1].clone()],
    ));
    functions.push("rest_api.rest_api".to_owned());
    resources.push(("api_stage.rest_api".to_owned(), functions));
    let nodes = resources.into_iter().map(|(id, needs)| {
        let node = Node {
            needs: needs.iter().map(|need| need.parse().unwrap()).collect(),
            ..Node::default()
        };
        (id.parse().unwrap(), node)
    });
    Graph {
        title: "bazaar-dev".to_owned(),
        nodes: nodes.collect(),
    }
}

#[test]
fn what_serves_a_function_is_in_its_box_and_what_all_need_is_a_rail() {
    let graph = bazaar(20);
    let drawn = blocks(&graph, Detail::Folded);
    let named = |at: usize| drawn.all[at].id.to_string();
    assert_eq!(drawn.all.len(), 23);
    assert_eq!(
        drawn.hubs.iter().map(|at| named(*at)).collect::<Vec<_>>(),
        ["iam_role.default-role"]
    );
    let stage = drawn
        .all
        .iter()
        .find(|block| block.id.kind.as_str() == "api_stage")
        .unwrap();
    assert_eq!(
        stage.lines.iter().map(|at| named(*at)).collect::<Vec<_>>(),
        ["rest_api.rest_api"]
    );
    assert_eq!(stage.noted.len(), 18);
    let function = drawn.all.iter().find(|block| block.id.name == "f0003").unwrap();
    assert_eq!(function.rows.len(), 3);
    assert_eq!(function.rails.len(), 1);
    assert_eq!(blocks(&graph, Detail::All).all.len(), graph.nodes.len());
}

#[test]
fn a_thousand_resources_and_more_are_drawn() {
    let graph = bazaar(300);
    for detail in [Detail::Folded, Detail::All] {
        let drawn = blocks(&graph, detail);
        let layout = lay_out(&drawn);
        check_places(&layout);
        check_rails(&drawn, &layout);
        assert!(layout.width < 8 * layout.height && layout.height < 8 * layout.width);
    }
}

#[test]
fn a_wide_layer_becomes_several() {
    // Chains side by side, with one thing that needs the end of each: more than one row of boxes has room for.
    let mut graph = Graph::default();
    for number in 0..8 {
        let first = format!("x.a{number}");
        let node = Node {
            needs: [first.parse().unwrap()].into(),
            ..Node::default()
        };
        graph.nodes.insert(first.parse().unwrap(), Node::default());
        graph.nodes.insert(format!("x.b{number}").parse().unwrap(), node);
    }
    let node = Node {
        needs: (0..8)
            .map(|number| format!("x.b{number}").parse().unwrap())
            .collect(),
        ..Node::default()
    };
    graph.nodes.insert("x.end".parse().unwrap(), node);
    let drawn = blocks(&graph, Detail::All);
    let layout = lay_out(&drawn);
    check_places(&layout);
    check_lines(&drawn, &layout);
    let rows: BTreeSet<i32> = layout.boxes.iter().map(|place| place.y).collect();
    assert!(rows.len() > 3, "{rows:?}");
}

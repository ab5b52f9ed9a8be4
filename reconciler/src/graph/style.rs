//! Colours, and the style sheet of the SVG: light, and dark where the reader's machine is.
//!
//! The conditions have hues that people with any form of colour blindness tell apart (after Okabe and Ito), and none is told by
//! its hue alone: each has its sign, and outlines differ.

use std::fmt::Write as _;

use super::Condition;

/// The colours of a condition: of a box, its outline and sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colours {
    /// Inside.
    pub(super) fill: &'static str,
    /// Around, and behind the sign.
    pub(super) line: &'static str,
}

/// The colours on a light ground.
pub(super) fn light(condition: Condition) -> Colours {
    let (fill, line) = match condition {
        Condition::Unchanged => ("#ffffff", "#a3afbc"),
        Condition::Create => ("#e2f5ed", "#007a58"),
        Condition::Update => ("#fff2d1", "#8f6000"),
        Condition::Replace => ("#f8e6f4", "#96307f"),
        Condition::Delete => ("#fde9df", "#b83a08"),
        Condition::Drifted => ("#e1f1fb", "#0a699f"),
        Condition::Waiting => ("#f2f4f7", "#6a7684"),
        Condition::InProgress => ("#e3eaff", "#2b4bc9"),
        Condition::Done => ("#f1f8f3", "#3c7d5a"),
        Condition::Failed => ("#fde1e4", "#a8001c"),
    };
    Colours { fill, line }
}

/// The colours on a dark ground.
fn dark(condition: Condition) -> Colours {
    let (fill, line) = match condition {
        Condition::Unchanged => ("#19222c", "#46535f"),
        Condition::Create => ("#0e2f25", "#46bd95"),
        Condition::Update => ("#33280c", "#dcab2c"),
        Condition::Replace => ("#351a30", "#e293cf"),
        Condition::Delete => ("#3a1c11", "#f48d66"),
        Condition::Drifted => ("#0e2b3e", "#66b9ec"),
        Condition::Waiting => ("#161e27", "#7f8c99"),
        Condition::InProgress => ("#182149", "#8ea3ff"),
        Condition::Done => ("#14271d", "#6bb08a"),
        Condition::Failed => ("#3e141a", "#ff7785"),
    };
    Colours { fill, line }
}

/// What is not a condition's.
struct Ground {
    paper: &'static str,
    ink: &'static str,
    faint: &'static str,
    line: &'static str,
    rail: &'static str,
    rule: &'static str,
    on_sign: &'static str,
}

const LIGHT: Ground = Ground {
    paper: "#f7f9fb",
    ink: "#17212b",
    faint: "#51606e",
    line: "#74828f",
    rail: "#cbd3db",
    rule: "#e1e6eb",
    on_sign: "#ffffff",
};
const DARK: Ground = Ground {
    paper: "#0e151c",
    ink: "#e7edf3",
    faint: "#a2b0bd",
    line: "#8694a1",
    rail: "#2f3b47",
    rule: "#2a3541",
    on_sign: "#0b1118",
};

/// What does not depend on the ground. Every rule is bound to the class of the picture, so that it changes nothing else in a page
/// that holds it.
const SHAPES: &str = "\
.grail-graph text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"DejaVu Sans\",sans-serif}
.grail-graph .title{font-size:18px;font-weight:700}
.grail-graph .name{font-size:13px;font-weight:600}
.grail-graph .small{font-size:11px}
.grail-graph .sign{font-size:12px;font-weight:700;text-anchor:middle}
.grail-graph .icon{fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
.grail-graph .tile .icon{stroke:#fff}
.grail-graph .line{fill:none;stroke-width:1.5}
.grail-graph .rail{fill:none;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}
.grail-graph .box{stroke-width:1.2}
.grail-graph .node{outline:none}
.grail-graph .node:focus-visible .box{stroke-width:4}
.grail-graph [data-condition=unchanged]>.badge{display:none}
.grail-graph [data-condition=delete]>.box{stroke-dasharray:6 3}
.grail-graph [data-condition=waiting]>.box{stroke-dasharray:2 3}
.grail-graph [data-condition=drifted]>.box{stroke-dasharray:10 3 2 3}
.grail-graph [data-condition=in-progress]>.box{stroke-width:2.5}
.grail-graph [data-condition=failed]>.box{stroke-width:3}
.grail-graph [data-condition=delete]>.name{text-decoration:line-through}
@media (prefers-reduced-motion:no-preference){
.grail-graph [data-condition=in-progress]>.box{animation:grail-pulse 1.2s ease-in-out infinite alternate}
@keyframes grail-pulse{to{stroke-opacity:.35}}
}
";

/// The style sheet.
pub(super) fn sheet() -> String {
    let mut text = SHAPES.to_owned();
    text.push_str(&rules(&LIGHT, light));
    text.push_str("@media (prefers-color-scheme:dark){\n");
    text.push_str(&rules(&DARK, dark));
    text.push_str("}\n");
    text
}

fn rules(ground: &Ground, colours: fn(Condition) -> Colours) -> String {
    let mut text = String::new();
    for (what, how, colour) in [
        (".paper", "fill", ground.paper),
        ("text", "fill", ground.ink),
        ("text.small", "fill", ground.faint),
        ("text.sign", "fill", ground.on_sign),
        (".row .icon", "stroke", ground.faint),
        (".line", "stroke", ground.line),
        (".tip", "fill", ground.line),
        (".rail", "stroke", ground.rail),
        (".rule", "stroke", ground.rule),
    ] {
        let _ = writeln!(text, ".grail-graph {what}{{{how}:{colour}}}");
    }
    for condition in Condition::ALL {
        let Colours { fill, line } = colours(condition);
        let _ = writeln!(
            text,
            ".grail-graph [data-condition={condition}]>.box{{fill:{fill};stroke:{line}}}\n\
             .grail-graph [data-condition={condition}]>.badge rect{{fill:{line}}}"
        );
        if condition != Condition::Unchanged {
            let _ = writeln!(
                text,
                ".grail-graph .row[data-condition={condition}]>.ground{{fill:{fill}}}"
            );
        }
    }
    let _ = writeln!(
        text,
        ".grail-graph .row[data-condition=unchanged]>.ground{{fill:none}}"
    );
    text
}

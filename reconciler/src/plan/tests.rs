//! Cases of the planner: a world, what is wanted of it, and the plan as text. [`check_plan`](super::check_plan) judges every
//! plan that a case makes.

mod adopting;
mod changing;
mod drifting;
mod guarding;
mod judging;
mod kinds;
mod making;
mod moving;
mod properties;
mod pruning;
mod refusing;
mod replacing;
mod retiring;
mod text;
mod world;

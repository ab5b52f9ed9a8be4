//! The guarantee, case by case, with the real program: a deploy, an update, a deletion, each struck at each of its writes in
//! every way, and each time the account is as desired or as it was.
//!
//! A [`Subject`] is a project with what it needs around it and a change to it. A [`Story`] is one command on it: its first
//! deployment, its update, its deletion. It is rehearsed once without any disturbance, which tells how many writes it has and
//! what it comes to. A [`Case`] is a story with one [`Blow`]. Each case has a copy of the story's account and project of its
//! own, so that cases neither wait for one another nor know of one another, and a name, by which it is played again.
//!
//! What is not tried here: two blows in one run, and anything in which time counts; the simulated cloud is for those.

mod blow;
mod cases;
mod site;
mod story;
mod strangers;
mod subject;
mod trial;
mod verdict;

pub use blow::{Blow, How, Then};
pub use cases::{Case, Pattern};
pub use site::{Cloud, Site};
pub use story::{Chapter, Story};
pub use subject::{SUBJECTS, Subject};

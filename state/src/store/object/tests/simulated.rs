//! Objects in memory, reached through weather: slow requests, lost requests and answers, requests that come twice or late.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use super::super::{Condition, Found, ObjectError, Objects, Tag};

/// How likely each misfortune is, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// The request never arrives.
    pub(super) lost: u64,
    /// The request arrives, its answer does not.
    pub(super) unanswered: u64,
    /// The request arrives up to half a minute after its sender has given it up.
    pub(super) late: u64,
    /// The request arrives twice, and the second answer is the one that comes back.
    pub(super) twice: u64,
    /// The longest way, in milliseconds.
    pub(super) slow: u64,
}

/// A small generator of our own: these tests need no other crate for their dice.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// SplitMix64, as its authors published it.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A write that took effect.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effect {
    pub(super) key: String,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Content {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    writes: u64,
    effects: Vec<Effect>,
}

impl Content {
    fn put(&mut self, key: &str, bytes: &[u8], condition: &Condition) -> Result<Tag, ObjectError> {
        let there = self.objects.get(key).map(|(_, number)| tag(*number));
        let holds = match condition {
            Condition::New => there.is_none(),
            Condition::Still(tag) => there.as_ref() == Some(tag),
        };
        if !holds {
            return Err(ObjectError::Changed);
        }
        self.writes += 1;
        self.objects.insert(key.to_owned(), (bytes.to_vec(), self.writes));
        self.effects.push(Effect {
            key: key.to_owned(),
            bytes: bytes.to_vec(),
        });
        Ok(tag(self.writes))
    }
}

fn tag(number: u64) -> Tag {
    Tag(number.to_string())
}

/// One process's way to the objects.
#[derive(Clone)]
pub(super) struct Simulated {
    content: Arc<Mutex<Content>>,
    dice: Arc<Mutex<Dice>>,
    weather: Weather,
}

impl Simulated {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        Self {
            content: Arc::default(),
            dice: Arc::new(Mutex::new(Dice::new(seed))),
            weather,
        }
    }

    /// Everything that was written, in order.
    pub(super) fn effects(&self) -> Vec<Effect> {
        self.content.lock().unwrap().effects.clone()
    }

    /// Changes an object behind everybody's back.
    pub(super) fn meddle(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut content = self.content.lock().unwrap();
        content.writes += 1;
        let number = content.writes;
        let object = content.objects.get_mut(key).unwrap();
        change(&mut object.0);
        object.1 = number;
    }

    pub(super) fn remove(&self, key: &str) {
        self.content.lock().unwrap().objects.remove(key).unwrap();
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.content.lock().unwrap().objects.keys().cloned().collect()
    }

    pub(super) fn bytes(&self, key: &str) -> Vec<u8> {
        self.content.lock().unwrap().objects[key].0.clone()
    }

    fn chance(&self, percent: u64) -> bool {
        percent > 0 && self.dice.lock().unwrap().chance(percent)
    }

    async fn way(&self) {
        if self.weather.slow > 0 {
            let time = self.dice.lock().unwrap().below(self.weather.slow);
            sleep(Duration::from_millis(time)).await;
        }
    }

    async fn read<T>(&self, see: impl Fn(&Content) -> T) -> Result<T, ObjectError> {
        self.way().await;
        if self.chance(self.weather.lost + self.weather.unanswered) {
            return Err(nothing());
        }
        let seen = see(&self.content.lock().unwrap());
        self.way().await;
        Ok(seen)
    }
}

fn nothing() -> ObjectError {
    ObjectError::Unclear("no answer".into())
}

#[async_trait]
impl Objects for Simulated {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        let see = |content: &Content| {
            content.objects.get(key).map(|(bytes, number)| Found {
                bytes: bytes.clone(),
                tag: tag(*number),
            })
        };
        self.read(see).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        self.way().await;
        if self.chance(self.weather.lost) {
            return Err(nothing());
        }
        if self.chance(self.weather.late) {
            let (content, key) = (self.content.clone(), key.to_owned());
            let late = Duration::from_millis(self.dice.lock().unwrap().below(30_000));
            tokio::spawn(async move {
                sleep(late).await;
                let _ = content.lock().unwrap().put(&key, &bytes, &condition);
            });
            return Err(nothing());
        }
        let mut answer = self.content.lock().unwrap().put(key, &bytes, &condition);
        if self.chance(self.weather.twice) {
            self.way().await;
            answer = self.content.lock().unwrap().put(key, &bytes, &condition);
        }
        self.way().await;
        if self.chance(self.weather.unanswered) {
            return Err(nothing());
        }
        answer
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let see = |content: &Content| {
            let keys = content.objects.keys().filter(|key| key.starts_with(prefix));
            keys.cloned().collect()
        };
        self.read(see).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.way().await;
        if self.chance(self.weather.lost) {
            return Err(nothing());
        }
        self.content.lock().unwrap().objects.remove(key);
        self.way().await;
        if self.chance(self.weather.unanswered) {
            return Err(nothing());
        }
        Ok(())
    }
}

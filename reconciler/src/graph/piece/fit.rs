//! How far apart: the places closest to the middle of the neighbours that keep the distances. Each layer in turn is a least-squares
//! fit, by pooling neighbours that push each other.

use super::{Boxes, Net};

/// How often the places are fitted.
const FITS: usize = 6;

impl Net {
    /// The middle of each item.
    pub(super) fn places(&self, boxes: &Boxes<'_>) -> Vec<i32> {
        let mut middle = vec![0.0_f64; self.items.len()];
        for layer in &self.layers {
            let mut x = 0.0;
            for (at, item) in layer.iter().enumerate() {
                if at > 0 {
                    x += f64::from(self.apart(boxes, layer[at - 1], *item));
                }
                middle[*item] = x;
            }
        }
        for fit in 0..FITS {
            let count = self.layers.len();
            for step in 0..count {
                let layer = if fit.is_multiple_of(2) {
                    step
                } else {
                    count - 1 - step
                };
                self.fit(boxes, layer, fit, &mut middle);
            }
        }
        self.rounded(boxes, &middle)
    }

    /// Brings one layer to the middle of its neighbours: above, below, and at last on both sides.
    fn fit(&self, boxes: &Boxes<'_>, layer: usize, fit: usize, middle: &mut [f64]) {
        let items = &self.layers[layer];
        let wish = |item: usize| {
            let (above, below) = (&self.above[item], &self.below[item]);
            let near: Vec<usize> = match fit {
                _ if fit + 2 >= FITS => above.iter().chain(below).copied().collect(),
                _ if fit.is_multiple_of(2) => above.clone(),
                _ => below.clone(),
            };
            if near.is_empty() {
                return middle[item];
            }
            let sum: f64 = near.iter().map(|one| middle[*one]).sum();
            // At most as many as there are boxes: exact.
            sum / f64::from(u32::try_from(near.len()).unwrap_or(u32::MAX))
        };
        let wishes: Vec<f64> = items.iter().map(|item| wish(*item)).collect();
        let mut offsets = vec![0.0];
        for pair in items.windows(2) {
            let last = offsets[offsets.len() - 1];
            offsets.push(last + f64::from(self.apart(boxes, pair[0], pair[1])));
        }
        let free: Vec<f64> = wishes
            .iter()
            .zip(&offsets)
            .map(|(wish, offset)| wish - offset)
            .collect();
        for ((item, place), offset) in items.iter().zip(ascending(&free)).zip(&offsets) {
            middle[*item] = place + offset;
        }
    }

    /// Whole pixels, with the distances kept, and nothing left of 0.
    fn rounded(&self, boxes: &Boxes<'_>, middle: &[f64]) -> Vec<i32> {
        let left_of = |item: usize| middle[item] - f64::from(self.width(boxes, item)) / 2.0;
        let left = (0..self.items.len()).map(left_of).fold(f64::INFINITY, f64::min);
        let mut whole = vec![0; self.items.len()];
        for layer in &self.layers {
            for (at, item) in layer.iter().enumerate() {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "places are within some hundred thousand pixels"
                )]
                let wished = (middle[*item] - left).round() as i32;
                let least = match at {
                    0 => (self.width(boxes, *item) + 1) / 2,
                    _ => whole[layer[at - 1]] + self.apart(boxes, layer[at - 1], *item),
                };
                whole[*item] = wished.max(least);
            }
        }
        whole
    }
}

/// The ascending numbers that are closest to these, by squares.
fn ascending(numbers: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, u32)> = Vec::new();
    for number in numbers {
        pools.push((*number, 1));
        while let [.., (before, many), (last, few)] = pools.as_slice() {
            if before <= last {
                break;
            }
            let count = many + few;
            let mean = (before * f64::from(*many) + last * f64::from(*few)) / f64::from(count);
            pools.truncate(pools.len() - 2);
            pools.push((mean, count));
        }
    }
    let spread = |(mean, count): (f64, u32)| (0..count).map(move |_| mean);
    pools.into_iter().flat_map(spread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_push_each_other_meet_in_the_middle() {
        assert_eq!(ascending(&[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
        assert_eq!(ascending(&[3.0, 1.0, 5.0, 4.0]), [2.0, 2.0, 4.5, 4.5]);
    }
}

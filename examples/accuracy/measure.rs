//! The largest error of a case over many points.

use super::cases::{Case, Error};
use super::points::{Point, Points};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Points computed at a time.
const PORTION: u64 = 1 << 12;

/// The largest error of one output, and where.
#[derive(Clone, Copy, Debug)]
pub struct Worst {
    pub error: f64,
    pub at: Point,
}

/// What was found for one output of a case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// In units in the last place.
    pub plain: Option<Worst>,
    /// Beside a zero where terms cancel: beyond half a unit, in units of the largest term.
    pub cancelling: Option<Worst>,
    /// Points compared.
    pub compared: u64,
}

impl Found {
    fn take(&mut self, error: Error, at: Point) {
        self.compared += 1;
        let (slot, error) = match error {
            Error::Plain(error) => (&mut self.plain, error),
            Error::Cancelling(error) => (&mut self.cancelling, error),
        };
        if slot.is_none_or(|worst| error > worst.error) {
            *slot = Some(Worst { error, at });
        }
    }

    fn merge(&mut self, other: Self) {
        self.compared += other.compared;
        for (slot, other) in
            [(&mut self.plain, other.plain), (&mut self.cancelling, other.cancelling)]
        {
            let Some(other) = other else { continue };
            if slot.is_none_or(|worst| other.error > worst.error) {
                *slot = Some(other);
            }
        }
    }
}

/// Compares the results at `points`. Where the quick reference does not reach, one point in `sparse` is compared with
/// big integers.
pub fn compare(case: &Case, points: &[Point], sparse: usize) -> [Found; 3] {
    let mut found = [Found::default(); 3];
    let mut slow = 0;
    for (point, computed) in points.iter().zip(case.compute(points)) {
        if let Some(bulk) = case.bulk(point) {
            for output in 0..case.outputs() {
                found[output].take(case.bulk_error(computed[output], bulk[output]), *point);
            }
            continue;
        }
        slow += 1;
        if slow % sparse == 0 {
            for (output, exact) in case.exact(point).iter().enumerate() {
                let error = case.exact_error(computed[output], exact);
                found[output].take(Error::Plain(error), *point);
            }
        }
    }
    found
}

/// The largest errors over `count` points from `seed`; `progress` is told how many were done.
pub fn measure(
    case: &Case,
    seed: u64,
    count: u64,
    sparse: usize,
    threads: u64,
    progress: impl Fn(u64) + Sync,
) -> [Found; 3] {
    let next = AtomicU64::new(0);
    let all = Mutex::new([Found::default(); 3]);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let portion = next.fetch_add(1, Ordering::Relaxed);
                    if portion * PORTION >= count {
                        return;
                    }
                    let stream = Points::new(case.inputs, case.format, seed + (portion << 20));
                    let points: Vec<Point> = stream.take(PORTION as usize).collect();
                    let found = compare(case, &points, sparse);
                    let mut all = all.lock().expect("no thread panics");
                    for (all, found) in all.iter_mut().zip(found) {
                        all.merge(found);
                    }
                    progress(PORTION);
                }
            });
        }
    });
    all.into_inner().expect("no thread panics")
}

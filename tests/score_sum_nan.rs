//! Exact sums that are NaN are equal, however the comparisons were dealt out.

use pairwise_loss::{Comparisons, Hinge, Reduction, ScoreSum, ScoreSums};

#[test]
fn sums_that_are_nan_are_equal() {
    let scores = [f32::NAN, 0.0, 1.0];
    let (winners, losers) = ([0_u32, 1, 1], [1_u32, 2, 2]);
    let (mut whole, mut parts) = ([ScoreSum::ZERO; 3], [ScoreSum::ZERO; 3]);
    // A finite term after the NaN, or with it.
    for (memory, rows) in [(&mut whole, &[(0, 3)][..]), (&mut parts, &[(0, 1), (1, 3)])] {
        let mut sums = ScoreSums::new(memory, 3).expect("a piece");
        for &(start, end) in rows {
            let games = Comparisons::new(&scores, &winners[start..end], &losers[start..end]);
            let (games, loss) = (games.expect("positions"), Hinge::new(1.0).expect("a margin"));
            games.add_gradient_to_sums(loss, Reduction::Sum, &mut sums).expect("entries");
        }
    }
    assert!(whole[1].is_nan() && parts[1].is_nan());
    assert_eq!(whole, parts);
}

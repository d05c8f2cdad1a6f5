//! scratch
use pairwise_loss::*;
use std::hint::black_box;
fn time(name: &str, n: usize, mut f: impl FnMut()) {
    let reps = (200_000 / n).max(1);
    let mut best = f64::MAX;
    for _ in 0..20 { let t = std::time::Instant::now(); for _ in 0..reps { f() } best = best.min(t.elapsed().as_secs_f64()/reps as f64); }
    println!("{name:40} n={n:8} {:9.3} ns/pair {:12.1} ns/call", best*1e9/n as f64, best*1e9);
}
fn bench<T: Score>(name: &str, n: usize) {
    let c: Vec<T> = (0..n).map(|i| T::from((i as f64*0.37).sin()*5.0).unwrap()).collect();
    let r: Vec<T> = (0..n).map(|i| T::from((i as f64*0.71).cos()*5.0).unwrap()).collect();
    let mut a = vec![T::zero(); n]; let mut b = vec![T::zero(); n];
    for level in Level::available() {
        if n > 5000 && level.name() == "baseline" { continue; }
        let p = Pairs::new(&c, &r).unwrap().with_level(level);
        time(&format!("{name} {level} sigmoid_into"), n, || level.sigmoid_into(black_box(&c), black_box(&mut a)).unwrap());
        time(&format!("{name} {level} log_sigmoid_into"), n, || level.log_sigmoid_into(black_box(&c), black_box(&mut a)).unwrap());
        time(&format!("{name} {level} gradients"), n, || p.gradients_into(Logistic, black_box(&mut a)).unwrap());
        time(&format!("{name} {level} loss"), n, || {black_box(p.loss(Logistic, Reduction::Sum).unwrap());});
        time(&format!("{name} {level} loss+grad"), n, || {black_box(p.loss_and_margin_gradient(Logistic, Reduction::Mean, black_box(&mut a)).unwrap());});
        time(&format!("{name} {level} loss+grads"), n, || {black_box(p.loss_and_gradients(Logistic, Reduction::Mean, black_box(&mut a), black_box(&mut b)).unwrap());});
        time(&format!("{name} {level} hinge loss+grads"), n, || {black_box(p.loss_and_gradients(Hinge::new(1.0).unwrap(), Reduction::Mean, black_box(&mut a), black_box(&mut b)).unwrap());});
        time(&format!("{name} {level} total"), n, || {black_box(p.total(Logistic));});
    }
}
fn main() {
    bench::<f32>("f32", 4096); bench::<f32>("f32", 64);
    bench::<f64>("f64", 4096); bench::<f64>("f64", 64);
    let x = 0.3f32; time("scalar sigmoid f32", 1, || {black_box(sigmoid(black_box(x)));});
    let x = 0.3f64; time("scalar sigmoid f64", 1, || {black_box(sigmoid(black_box(x)));});
    time("scalar log_sigmoid f64", 1, || {black_box(log_sigmoid(black_box(x)));});
    time("scalar eval f64", 1, || {black_box(Logistic.eval(black_box(x),black_box(0.1)));});
    time("scalar logit f64", 1, || {black_box(logit(black_box(x)));});
}

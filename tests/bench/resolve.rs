//! `cargo run --release --example resolve [SHAPE]`: how long the solver takes for 50 packages of 10,000 with 20 versions
//! each, in memory. For each shape of graph: milliseconds, median and worst of those of 15 graphs that
//! have a solution, each the least of 9 runs; how many packages the answers have; and the median as a multiple of what a walk costs that takes the newest version that
//! each need admits, and never looks back. The same numbers always make the same graphs.

#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use cpm::error::Result;
use cpm::model::dependency::Need;
use cpm::model::name::PackageName;
use cpm::model::version::{Requirement, Version};
use cpm::resolve::{Candidate, Catalog, Preferences, resolve};

const PACKAGES: u64 = 10_000;
const RELEASES: u64 = 20;
const MINORS: u64 = 5;
const ROOTS: u64 = 50;
const GRAPHS: u64 = 15;
const RUNS: usize = 9;

/// What the needs of releases look like.
struct Shape {
    name: &'static str,
    /// How many a release has: each of these as often.
    needs: &'static [u64],
    /// `^`, or `>=`.
    operator: &'static str,
}

const SHAPES: [Shape; 4] = [
    Shape { name: "plugins: at most 1 need, ^", needs: &[0, 1], operator: "^" },
    Shape { name: "at most 3 needs, ^", needs: &[0, 0, 0, 0, 1, 2, 3], operator: "^" },
    Shape { name: "at most 3 needs, >=", needs: &[0, 0, 0, 0, 1, 2, 3], operator: ">=" },
    Shape { name: "at most 6 needs, >=", needs: &[0, 1, 2, 3, 4, 5, 6], operator: ">=" },
];

/// SplitMix64: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// A need of what was released last at `place`: of a version that is a little older, as authors write it.
    fn need(&mut self, place: u64, operator: &str) -> Need {
        let (name, place) = (name(self.below(PACKAGES)), place.saturating_sub(self.below(MINORS + 1)));
        let requirement = Requirement::parse(&format!("{operator}{}.{}", 1 + place / MINORS, place % MINORS));
        Need::new(name, requirement.expect("a requirement"))
    }
}

fn name(package: u64) -> PackageName {
    PackageName::parse(&format!("package-{package}")).expect("a name")
}

/// All packages, in memory.
struct Graph(BTreeMap<PackageName, Vec<Candidate>>);

impl Catalog for Graph {
    fn candidates(&self, name: &PackageName) -> Result<Option<Vec<Candidate>>> {
        Ok(self.0.get(name).cloned())
    }
}

impl Graph {
    fn new(shape: &Shape, chance: &mut Chance) -> Self {
        let release = |chance: &mut Chance, place: u64| {
            let count = shape.needs[usize::try_from(chance.below(shape.needs.len() as u64)).expect("a small number")];
            Candidate {
                version: Version::new(1 + place / MINORS, place % MINORS, 0),
                needs: (0..count).map(|_| chance.need(place, shape.operator)).collect(),
                withheld: None,
                last_resort: false,
            }
        };
        let mut package = |package: u64| (name(package), (0..RELEASES).map(|place| release(chance, place)).collect());
        Graph((0..PACKAGES).map(&mut package).collect())
    }

    /// What is reached by the newest version that each need admits, whatever others say of it.
    fn walk(&self, roots: &[Need]) -> usize {
        let (mut open, mut reached) = (roots.to_vec(), HashSet::new());
        while let Some(need) = open.pop() {
            let candidates = self.candidates(&need.name).expect("no failure").expect("a package");
            let admitted = candidates.into_iter().filter(|one| need.requirement.matches(&one.version));
            let Some(newest) = admitted.max_by(|a, b| a.version.cmp(&b.version)) else { continue };
            if reached.insert(need.name) {
                open.extend(newest.needs);
            }
        }
        reached.len()
    }
}

/// The least of several runs, in milliseconds: what else the machine does is not the solver's time.
fn least_of_runs(mut run: impl FnMut()) -> f64 {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1000.0
    });
    times.fold(f64::INFINITY, f64::min)
}

fn sorted(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times
}

fn main() {
    let asked = std::env::args().nth(1).unwrap_or_default();
    println!("{:28} {:>10} {:>9} {:>9} {:>7} {:>8}", "", "median ms", "worst ms", "packages", "solved", "of walk");
    for shape in SHAPES.iter().filter(|shape| shape.name.contains(&asked)) {
        let (mut solver, mut walk, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..GRAPHS {
            let mut chance = Chance(seed);
            let graph = Graph::new(shape, &mut chance);
            let roots: Vec<Need> = (0..ROOTS).map(|_| chance.need(RELEASES - 1, shape.operator)).collect();
            let Ok(answer) = resolve(&roots, &Preferences::default(), &graph) else { continue };
            sizes.push(answer.len());
            solver.push(least_of_runs(|| drop(resolve(&roots, &Preferences::default(), &graph))));
            walk.push(least_of_runs(|| assert!(graph.walk(&roots) > 0)));
        }
        sizes.sort_unstable();
        let (solver, walk) = (sorted(solver.into_iter()), sorted(walk.into_iter()));
        if sizes.is_empty() {
            println!("{:28} none has a solution", shape.name);
            continue;
        }
        let middle = sizes.len() / 2;
        println!(
            "{:28} {:>10.2} {:>9.2} {:>9} {:>7} {:>8.1}",
            shape.name,
            solver[middle],
            solver[solver.len() - 1],
            sizes[middle],
            format!("{} of {GRAPHS}", sizes.len()),
            solver[middle] / walk[middle],
        );
    }
}

// SPDX-License-Identifier: MIT
//! The same workloads as ../../pirn, on tokio. How is one row run, timed and printed?
mod blocking;
mod ct;
mod latency;
mod linking;
mod memory;
mod mt;
mod sync;
mod time;

use std::time::Instant;

/// What one row is. A row checks its answer with `expect()`.
pub enum Work {
    /// Makes whatever is not timed, and returns what is.
    Time(fn() -> Box<dyn FnMut()>),
    /// Returns bytes per task: taken from the allocator, and growth of the resident set.
    Bytes(fn() -> (f64, f64)),
    /// Returns, for each time something was woken, nanoseconds until it was polled.
    Latencies(fn(f64) -> Vec<u64>),
    /// Returns the context switches of an idle runtime's threads.
    Switches(fn(f64) -> u64),
}

pub struct Row {
    pub name: &'static str,
    /// Operations in one run, or tasks in one measurement.
    pub ops: u64,
    pub work: Work,
}

pub fn fail(what: &str, why: &str) -> ! {
    eprintln!("{}: {}", what, why);
    std::process::exit(1)
}

/// A wrong answer ends the program with status 1.
pub fn expect(what: &str, got: u64, expected: u64) {
    if got != expected {
        fail(what, &format!("wrong answer: {} instead of {}", got, expected));
    }
}

/// How many workers a multi-thread row has: the environment's BENCH_WORKERS, or 2.
pub fn workers() -> usize {
    std::env::var("BENCH_WORKERS").map_or(2, |set| set.parse().unwrap())
}

/// Runs for `seconds`, once at least. Returns nanoseconds per run.
fn run_for(run: &mut dyn FnMut(), seconds: f64) -> Vec<f64> {
    let begin = Instant::now();
    let mut before = begin;
    let mut samples = Vec::new();

    loop {
        run();
        let after = Instant::now();
        samples.push((after - before).as_nanos() as f64);
        before = after;
        if (after - begin).as_secs_f64() >= seconds {
            return samples;
        }
    }
}

fn time_row(row: &Row, run: &mut dyn FnMut(), seconds: f64) {
    run_for(run, seconds / 10.0);
    let mut samples = run_for(run, seconds);
    let ops = row.ops as f64;

    samples.sort_by(|a, b| a.partial_cmp(b).unwrap());
    println!(
        "{{\"row\": \"{}\", \"ns_per_op\": {:.3}, \"min\": {:.3}, \"iterations\": {}}}",
        row.name,
        samples[samples.len() / 2] / ops,
        samples[0] / ops,
        samples.len()
    );
}

fn latency_row(row: &Row, mut ns: Vec<u64>) {
    ns.sort_unstable();
    println!(
        "{{\"row\": \"{}\", \"p50\": {}, \"p99\": {}, \"p999\": {}, \"count\": {}}}",
        row.name,
        ns[ns.len() / 2],
        ns[ns.len() * 99 / 100],
        ns[ns.len() * 999 / 1000],
        ns.len()
    );
}

/// For tools that count instead of timing: no warm-up, no clock between the runs.
fn count_row(row: &Row, run: &mut dyn FnMut(), ops_min: u64) {
    let mut ops = 0;

    loop {
        run();
        ops += row.ops;
        if ops >= ops_min {
            break;
        }
    }
    println!("{{\"row\": \"{}\", \"ops\": {}}}", row.name, ops);
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut rows = Vec::new();

    rows.extend(ct::rows());
    rows.extend(mt::rows());
    rows.extend(sync::rows());
    rows.extend(time::rows());
    rows.extend(linking::rows());
    rows.extend(blocking::rows());
    rows.extend(memory::rows());
    rows.extend(latency::rows());
    if args[1..] == ["--list"] {
        rows.iter().for_each(|row| println!("{}", row.name));
        return;
    }
    if args.len() != 3 && !(args.len() == 4 && args[2] == "--ops") {
        eprintln!("usage: {0} ROW SECONDS | {0} ROW --ops N | {0} --list", args[0]);
        std::process::exit(2);
    }
    let row = match rows.iter().find(|row| row.name == args[1]) {
        Some(row) => row,
        None => fail(args[1], "no such row"),
    };
    match row.work {
        Work::Bytes(measure) => {
            let (bytes, rss) = measure();
            println!(
                "{{\"row\": \"{}\", \"bytes\": {:.3}, \"rss\": {:.3}, \"tasks\": {}}}",
                row.name, bytes, rss, row.ops
            );
        }
        Work::Latencies(measure) => latency_row(row, measure(args[2].parse().unwrap())),
        Work::Switches(count) => {
            let switches = count(args[2].parse().unwrap());
            println!("{{\"row\": \"{}\", \"switches\": {}}}", row.name, switches);
        }
        Work::Time(setup) if args.len() == 4 => {
            count_row(row, &mut *setup(), args[3].parse().unwrap());
        }
        Work::Time(setup) => time_row(row, &mut *setup(), args[2].parse().unwrap()),
    }
}

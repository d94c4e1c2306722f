// SPDX-License-Identifier: MIT
//! The mt_ rows: what do spawning, yielding and waking cost when several workers share the tasks?
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::ct::{yielder, SelfWaker, SPAWNS, SPAWNS_SUM, TASKS, YIELDS};
use crate::{expect, workers, Row, Work};

const PINGS: u64 = 1_000;
const CHAIN: u64 = 1_000;
const TREE_DEPTH: u32 = 14;
const TREE_NODES: u64 = (1 << (TREE_DEPTH + 1)) - 1;
const BUSY_PER_WORKER: usize = 2;
const STALL: Duration = Duration::from_micros(10);

pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(workers()).build().unwrap()
}

/// Tells the thread that measures. One for all tasks: cloning it for each is not measured.
pub fn done() -> (&'static SyncSender<u64>, Receiver<u64>) {
    let (tx, rx) = sync_channel(1000);

    (Box::leak(Box::new(tx)), rx)
}

static REMAINING: AtomicU64 = AtomicU64::new(0);

fn spawn_many_local() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (tx, rx) = done();

    Box::new(move || {
        let left = rt.block_on(async {
            REMAINING.store(SPAWNS, Relaxed);
            for _ in 0..SPAWNS {
                tokio::spawn(async move {
                    if REMAINING.fetch_sub(1, Relaxed) == 1 {
                        tx.send(0).unwrap();
                    }
                });
            }
            rx.recv().unwrap();
            REMAINING.load(Relaxed)
        });
        expect("mt_spawn_many_local", left, 0);
    })
}

/// From this thread, which is none of the workers.
fn spawn_remote(rt: &Runtime, joins: &mut Vec<JoinHandle<u64>>) {
    for i in 0..SPAWNS {
        joins.push(rt.spawn(async move { i }));
    }
    let sum = rt.block_on(async {
        let mut sum = 0;

        for join in joins.drain(..) {
            sum += join.await.unwrap();
        }
        sum
    });
    expect("mt_spawn_remote", sum, SPAWNS_SUM);
}

fn spawn_remote_idle() -> Box<dyn FnMut()> {
    let rt = runtime();
    let mut joins = Vec::with_capacity(SPAWNS as usize);

    Box::new(move || spawn_remote(&rt, &mut joins))
}

fn stall() {
    let begin = Instant::now();

    while begin.elapsed() < STALL {
        std::thread::yield_now();
    }
}

fn spawn_remote_busy() -> Box<dyn FnMut()> {
    static STOP: AtomicBool = AtomicBool::new(false);
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    let rt = runtime();
    let mut joins = Vec::with_capacity(SPAWNS as usize);
    let busy = BUSY_PER_WORKER * workers();

    for _ in 0..busy {
        rt.spawn(async {
            let mut has_begun = false;

            while !STOP.load(Relaxed) {
                tokio::task::yield_now().await;
                stall();
                if !has_begun {
                    has_begun = true;
                    BEGUN.fetch_add(1, Relaxed);
                }
            }
        });
    }
    while BEGUN.load(Relaxed) < busy as u64 {
        std::thread::yield_now();
    }
    Box::new(move || spawn_remote(&rt, &mut joins))
}

fn yield_many() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (tx, rx) = done();

    Box::new(move || {
        for _ in 0..TASKS {
            rt.spawn(async move { tx.send(yielder().await).unwrap() });
        }
        let yields = (0..TASKS).map(|_| rx.recv().unwrap()).sum();
        expect("mt_yield_many", yields, 200000);
    })
}

fn selfwake_many() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (tx, rx) = done();

    Box::new(move || {
        for _ in 0..TASKS {
            rt.spawn(async move { tx.send(SelfWaker { polls: 0 }.await).unwrap() });
        }
        let polls = (0..TASKS).map(|_| rx.recv().unwrap()).sum();
        expect("mt_selfwake_many", polls, 200200);
    })
}

async fn ping(n: u64, done: &'static SyncSender<u64>) {
    let (to_pong, from_ping) = oneshot::channel::<u64>();
    let (to_ping, from_pong) = oneshot::channel::<u64>();

    tokio::spawn(async move {
        let value = from_ping.await.unwrap();
        to_ping.send(value + 1).unwrap();
    });
    to_pong.send(n).unwrap();
    expect("pong", from_pong.await.unwrap(), n + 1);
    if REMAINING.fetch_sub(1, Relaxed) == 1 {
        done.send(0).unwrap();
    }
}

fn ping_pong() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (tx, rx) = done();

    Box::new(move || {
        let left = rt.block_on(async {
            REMAINING.store(PINGS, Relaxed);
            tokio::spawn(async move {
                for n in 0..PINGS {
                    tokio::spawn(ping(n, tx));
                }
            });
            rx.recv().unwrap();
            REMAINING.load(Relaxed)
        });
        expect("mt_ping_pong", left, 0);
    })
}

fn chain_link(left: u64, links: u64, done: &'static SyncSender<u64>) {
    tokio::spawn(async move {
        if left == 0 {
            done.send(links).unwrap();
        } else {
            chain_link(left - 1, links + 1, done);
        }
    });
}

fn chained_spawn() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (tx, rx) = done();

    Box::new(move || {
        let links = rt.block_on(async {
            chain_link(CHAIN, 0, tx);
            rx.recv().unwrap()
        });
        expect("mt_chained_spawn", links, CHAIN);
    })
}

/// Spawns two nodes of the next level, awaits both, and returns how many nodes it is with them.
fn spawn_node(depth: u32) -> JoinHandle<u64> {
    tokio::spawn(async move {
        if depth == 0 {
            return 1;
        }
        let left = spawn_node(depth - 1);
        let right = spawn_node(depth - 1);

        left.await.unwrap() + right.await.unwrap() + 1
    })
}

fn fork_join_tree() -> Box<dyn FnMut()> {
    let rt = runtime();

    Box::new(move || {
        let nodes = rt.block_on(async { spawn_node(TREE_DEPTH).await.unwrap() });
        expect("mt_fork_join_tree", nodes, TREE_NODES);
    })
}

pub fn rows() -> Vec<Row> {
    vec![
        Row { name: "mt_spawn_many_local", ops: SPAWNS, work: Work::Time(spawn_many_local) },
        Row { name: "mt_spawn_remote_idle", ops: SPAWNS, work: Work::Time(spawn_remote_idle) },
        Row { name: "mt_spawn_remote_busy", ops: SPAWNS, work: Work::Time(spawn_remote_busy) },
        Row { name: "mt_yield_many", ops: TASKS * YIELDS, work: Work::Time(yield_many) },
        Row { name: "mt_selfwake_many", ops: TASKS * YIELDS, work: Work::Time(selfwake_many) },
        Row { name: "mt_ping_pong", ops: PINGS, work: Work::Time(ping_pong) },
        Row { name: "mt_ping_pong_oneshot", ops: PINGS, work: Work::Time(ping_pong) },
        Row { name: "mt_chained_spawn", ops: CHAIN, work: Work::Time(chained_spawn) },
        Row { name: "mt_fork_join_tree", ops: TREE_NODES, work: Work::Time(fork_join_tree) },
    ]
}

// SPDX-License-Identifier: MIT
//! The ct_ rows: what do spawning, joining, yielding and waking cost on the current-thread runtime?
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::{expect, Row, Work};

pub const SPAWNS: u64 = 10_000;
/// Of 0 up to SPAWNS - 1.
pub const SPAWNS_SUM: u64 = 49995000;
pub const TASKS: u64 = 200;
pub const YIELDS: u64 = 1_000;

pub fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn spawn_join_many() -> Box<dyn FnMut()> {
    let rt = runtime();
    let mut joins: Vec<JoinHandle<u64>> = Vec::with_capacity(SPAWNS as usize);

    Box::new(move || {
        let sum = rt.block_on(async {
            let mut sum = 0;

            for i in 0..SPAWNS {
                joins.push(tokio::spawn(async move { i }));
            }
            for join in joins.drain(..) {
                sum += join.await.unwrap();
            }
            sum
        });
        expect("ct_spawn_join_many", sum, SPAWNS_SUM);
    })
}

fn spawn_await_one() -> Box<dyn FnMut()> {
    let rt = runtime();

    Box::new(move || {
        let sum = rt.block_on(async {
            let mut sum = 0;

            for i in 0..SPAWNS {
                sum += tokio::spawn(async move { i }).await.unwrap();
            }
            sum
        });
        expect("ct_spawn_await_one", sum, SPAWNS_SUM);
    })
}

pub async fn yielder() -> u64 {
    let mut yields = 0;

    while yields < YIELDS {
        tokio::task::yield_now().await;
        yields += 1;
    }
    yields
}

fn yield_many() -> Box<dyn FnMut()> {
    let rt = runtime();
    let mut joins = Vec::with_capacity(TASKS as usize);

    Box::new(move || {
        let yields = rt.block_on(async {
            let mut yields = 0;

            for _ in 0..TASKS {
                joins.push(tokio::spawn(yielder()));
            }
            for join in joins.drain(..) {
                yields += join.await.unwrap();
            }
            yields
        });
        expect("ct_yield_many", yields, 200000);
    })
}

/// Wakes itself through its waker `YIELDS` times, then returns how often it was polled.
pub struct SelfWaker {
    pub polls: u64,
}

impl Future for SelfWaker {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        self.polls += 1;
        if self.polls <= YIELDS {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.polls)
    }
}

fn selfwake_many() -> Box<dyn FnMut()> {
    let rt = runtime();
    let mut joins = Vec::with_capacity(TASKS as usize);

    Box::new(move || {
        let polls = rt.block_on(async {
            let mut polls = 0;

            for _ in 0..TASKS {
                joins.push(tokio::spawn(SelfWaker { polls: 0 }));
            }
            for join in joins.drain(..) {
                polls += join.await.unwrap();
            }
            polls
        });
        expect("ct_selfwake_many", polls, 200200);
    })
}

fn spawn_remote() -> Box<dyn FnMut()> {
    let rt = runtime();
    let handle = rt.handle().clone();
    let mut joins: Vec<JoinHandle<u64>> = Vec::with_capacity(SPAWNS as usize);

    Box::new(move || {
        for i in 0..SPAWNS {
            joins.push(handle.spawn(async move { i }));
        }
        let sum = rt.block_on(async {
            let mut sum = 0;

            for join in joins.drain(..) {
                sum += join.await.unwrap();
            }
            sum
        });
        expect("ct_spawn_remote", sum, SPAWNS_SUM);
    })
}

pub fn rows() -> Vec<Row> {
    vec![
        Row { name: "ct_spawn_join_many", ops: SPAWNS, work: Work::Time(spawn_join_many) },
        Row { name: "ct_spawn_await_one", ops: SPAWNS, work: Work::Time(spawn_await_one) },
        Row { name: "ct_yield_many", ops: TASKS * YIELDS, work: Work::Time(yield_many) },
        Row { name: "ct_selfwake_many", ops: TASKS * YIELDS, work: Work::Time(selfwake_many) },
        Row { name: "ct_spawn_remote", ops: SPAWNS, work: Work::Time(spawn_remote) },
    ]
}

// SPDX-License-Identifier: MIT
//! The rows of timers: what does a timeout cost that does not fire, and what a sleep that does?
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::ct::{SPAWNS, TASKS, YIELDS};
use crate::mt::done;
use crate::{expect, workers, Row, Work};

const TIMEOUT: Duration = Duration::from_secs(60);
const SLEEP: Duration = Duration::from_millis(1);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(workers()).enable_time().build().unwrap()
}

/// Yields as ct::yielder() does, each time within a timeout. Returns how many were in time.
async fn in_time() -> u64 {
    let mut yields = 0;

    for _ in 0..YIELDS {
        yields += timeout(TIMEOUT, tokio::task::yield_now()).await.is_ok() as u64;
    }
    yields
}

fn ct_timeout_cancel() -> Box<dyn FnMut()> {
    let rt = current_thread();
    let mut joins = Vec::with_capacity(TASKS as usize);

    Box::new(move || {
        let yields = rt.block_on(async {
            let mut yields = 0;

            for _ in 0..TASKS {
                joins.push(tokio::spawn(in_time()));
            }
            for join in joins.drain(..) {
                yields += join.await.unwrap();
            }
            yields
        });
        expect("ct_timeout_cancel", yields, 200000);
    })
}

fn mt_timeout_cancel() -> Box<dyn FnMut()> {
    let rt = multi_thread();
    let (tx, rx) = done();

    Box::new(move || {
        for _ in 0..TASKS {
            rt.spawn(async move { tx.send(in_time().await).unwrap() });
        }
        let yields = (0..TASKS).map(|_| rx.recv().unwrap()).sum();
        expect("mt_timeout_cancel", yields, 200000);
    })
}

static REMAINING: AtomicU64 = AtomicU64::new(0);

fn sleep_fire() -> Box<dyn FnMut()> {
    let rt = multi_thread();
    let (tx, rx) = done();

    Box::new(move || {
        let left = rt.block_on(async {
            REMAINING.store(SPAWNS, Relaxed);
            for _ in 0..SPAWNS {
                tokio::spawn(async move {
                    sleep(SLEEP).await;
                    if REMAINING.fetch_sub(1, Relaxed) == 1 {
                        tx.send(0).unwrap();
                    }
                });
            }
            rx.recv().unwrap();
            REMAINING.load(Relaxed)
        });
        expect("mt_sleep_fire", left, 0);
    })
}

pub fn rows() -> Vec<Row> {
    let yields = TASKS * YIELDS;

    vec![
        Row { name: "ct_timeout_cancel", ops: yields, work: Work::Time(ct_timeout_cancel) },
        Row { name: "mt_timeout_cancel", ops: yields, work: Work::Time(mt_timeout_cancel) },
        Row { name: "mt_sleep_fire", ops: SPAWNS, work: Work::Time(sleep_fire) },
    ]
}
